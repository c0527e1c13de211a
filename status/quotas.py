"""What the databases have used of their quotas, as Neon measures it."""

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from components.settings import NeonSettings
from core.failure import Failure
from core.text import printable
from live.declared import DeclaredStack, StateResource, inputs_of
from live.neon import NeonProject, NeonQuota, find_project, list_branches
from live.vendor_api import Api
from status.health import QuotaHealth, QuotaQuantity

_QUANTITIES: Final[Mapping[str, tuple[QuotaQuantity, Literal["seconds", "bytes"]]]] = {
    "active_time_seconds": ("active time", "seconds"),
    "compute_time_seconds": ("compute time", "seconds"),
    "written_data_bytes": ("written", "bytes"),
    "data_transfer_bytes": ("transferred", "bytes"),
}
"""Neon's name of what a project uses in a month -> what it is called here, and its unit."""


def has_quota(databases: Mapping[str, NeonSettings]) -> bool:
    """Tell whether a database declares a limit, so that there is something to ask Neon."""
    return any(database.quota.model_dump(exclude_none=True) for database in databases.values())


def read_quotas(
    api: Api, declared: DeclaredStack, databases: Mapping[str, NeonSettings]
) -> tuple[QuotaHealth, ...]:
    """Return every limit of the declared projects, as Neon has it. Raises Failure."""
    stores = {database.project: name for name, database in databases.items()}
    return tuple(
        quota
        for resource in declared.of_type("neon:index/project:Project")
        for quota in _read_project(api, resource, stores)
    )


def _read_project(api: Api, resource: StateResource, stores: Mapping[str, str]) -> Iterator[QuotaHealth]:
    project = find_project(api, str(resource["id"]))
    title = str(inputs_of(resource).get("name") or resource["id"])
    if project is None:
        raise Failure(
            f"Neon has no project {printable(title)} for this key.",
            "see whose key NEON_API_KEY is; a project that is gone comes back by docs/runbooks/sev1.md.",
        )
    database, quota = printable(stores.get(title, title)), project.settings.quota
    yield from _compare(database, project, quota)
    if quota.logical_size_bytes:
        # The limit is of each branch, so the largest one meets it first.
        largest = max((branch.logical_size for branch in list_branches(api, project.id)), default=0)
        yield QuotaHealth(
            database=database,
            quantity="stored",
            used=largest,
            limit=quota.logical_size_bytes,
            unit="bytes",
        )


def _compare(database: str, project: NeonProject, quota: NeonQuota) -> Iterator[QuotaHealth]:
    for field, (quantity, unit) in _QUANTITIES.items():
        if limit := getattr(quota, field):
            yield QuotaHealth(
                database=database,
                quantity=quantity,
                used=getattr(project, field),
                limit=limit,
                unit=unit,
                renews_at=project.consumption_period_end,
            )
