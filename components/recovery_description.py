"""The recovery file of a stack, and the documents of its roles: what each role's job needs, and no more."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

from components.document_names import RoleWithDocument
from components.github_oidc import OIDC_ISSUER
from components.guard import REPLICA_DRILLER, REPLICA_RESTORER, role_arn
from components.settings import DatabaseStore, ElsewhereSettings, Settings
from components.settings.backups import ELSEWHERE_KEY
from core.database_url import remove_password

DOCUMENT_FORMAT: Final = "bulwark-role-1"


@dataclass(frozen=True)
class RoleNeeds:
    """What a role's job uses."""

    kinds: Collection[Literal["database", "files"]]
    """Kinds of the stores that it reads."""

    replica: bool
    jobs: Collection[str]
    """Jobs whose monitors it tells, beside those of the stores that it backs up."""

    backs_up: bool = False
    history: bool = False
    """Whether it branches the databases' history."""


NEEDS: Final[Mapping[RoleWithDocument, RoleNeeds]] = {
    "backup-writer": RoleNeeds(("database", "files"), replica=False, jobs=("proof",), backs_up=True),
    "driller": RoleNeeds(("database",), replica=True, jobs=("drill",), history=True),
    "copier": RoleNeeds((), replica=False, jobs=("elsewhere",)),
}


@dataclass(frozen=True)
class DeployedValues:
    """What only the state of a deployed stack knows."""

    databases: Mapping[str, str] = field(repr=False)
    """Database -> its address of the backup role, with its password."""

    files: Mapping[str, Mapping[str, Any]] = field(repr=False)
    """Store of files -> its entry of the output `file_sources`."""

    heartbeat_urls: Mapping[str, str] = field(repr=False)
    checkin_urls: Mapping[str, str] = field(repr=False)
    projects: Mapping[str, str]
    """Database -> id of its project at Neon."""


def describe_recovery(
    settings: Settings,
    stack: str,
    values: DeployedValues,
    *,
    vault_endpoint: str | None = None,
    elsewhere: ElsewhereSettings | None = None,
) -> dict[str, Any]:
    """Return the whole recovery file of a stack. It names a variable for each secret, and holds none."""
    backups, platform = settings.vaults, settings.platform
    endpoint = {"endpoint": vault_endpoint} if vault_endpoint else {}
    return {
        "name": stack,
        "environment": platform.environment,
        "stores": {
            **{
                name: _describe_database(settings, name, url)
                for name, url in sorted(values.databases.items())
            },
            **{
                name: _describe_files(name, source) | _own_objectives(settings, name)
                for name, source in sorted(values.files.items())
            },
        },
        "vaults": {
            "primary": {"bucket": backups.vault(platform.name), "region": backups.region, **endpoint},
            "replica": {
                "bucket": backups.vault_replica(platform.name),
                "region": backups.replica.region,
                **endpoint,
                **_describe_access(settings, REPLICA_RESTORER),
            },
            **({"elsewhere": _describe_elsewhere(elsewhere)} if elsewhere else {}),
        },
        "trust": {
            "operators": list(backups.operator_keys),
            "issuer": {
                "url": OIDC_ISSUER,
                "subjects": {
                    "backup": platform.subject(backups.backup_environment),
                    "restore": platform.subject(backups.restore_environment),
                    "state": platform.subject(backups.state_environment),
                    "drills": [platform.subject(name) for name in backups.drill_environments],
                    **(
                        {"elsewhere": platform.subject(backups.copy_environment)} if backups.elsewhere else {}
                    ),
                },
            },
        },
        "monitors": {
            job: {
                kind: {"env": _monitor_variable(job, kind)}
                for kind, urls in (
                    ("heartbeat", values.heartbeat_urls),
                    ("checkin", values.checkin_urls),
                )
                if job in urls
            }
            for job in (
                *sorted(settings.stores),
                "proof",
                "drill",
                *(("elsewhere",) if backups.elsewhere else ()),
            )
        },
        "objectives": _choose_objectives(settings.platform.objectives.model_dump()),
    }


def describe_role(
    settings: Settings, stack: str, role: RoleWithDocument, values: DeployedValues
) -> dict[str, Any]:
    """
    Return the document of a role (recovery/role_document.py): its recovery file, and the secrets in clear.

    What a drill asks of the data is not in it: the settings say that, and it may be long.
    """
    needs, whole = NEEDS[role], describe_recovery(settings, stack, values)
    names = {"database": sorted(values.databases), "files": sorted(values.files)}
    stores = [name for kind in needs.kinds for name in names[kind]]
    jobs = [*(stores if needs.backs_up else ()), *needs.jobs]
    recovery = {
        **{key: whole[key] for key in ("name", "environment", "trust")},
        "stores": {store: _cut_store(store, whole["stores"][store], needs, values) for store in stores},
        "vaults": {
            name: {**vault, **(_describe_access(settings, REPLICA_DRILLER) if name == "replica" else {})}
            for name, vault in whole["vaults"].items()
            if name == "primary" or needs.replica
        },
        "monitors": {job: whole["monitors"][job] for job in jobs},
    }
    secrets = {
        name: secret
        for job in jobs
        for name, secret in (
            (_monitor_variable(job, "heartbeat"), values.heartbeat_urls.get(job)),
            (_monitor_variable(job, "checkin"), values.checkin_urls.get(job)),
        )
        if secret
    }
    for name in stores:
        if name in values.databases:
            secrets[_variable(name, "PASSWORD")] = unquote(urlsplit(values.databases[name]).password or "")
        else:
            secrets[_variable(name, "ACCESS_KEY_ID")] = values.files[name]["access_key_id"]
            secrets[_variable(name, "SECRET_ACCESS_KEY")] = values.files[name]["secret_access_key"]
    return {"format": DOCUMENT_FORMAT, "role": role, "recovery": recovery, "secrets": secrets}


def _cut_store(
    name: str, store: Mapping[str, Any], needs: RoleNeeds, values: DeployedValues
) -> dict[str, Any]:
    """Return what a role's job needs to know of a store."""
    history = {"project": values.projects[name]} if needs.history and name in values.projects else {}
    return {**{key: value for key, value in store.items() if key not in {"drill", "objectives"}}, **history}


def _describe_database(settings: Settings, name: str, url: str) -> dict[str, Any]:
    connections = settings.databases[name].backup.connections
    return {
        "type": "postgres",
        "url": remove_password(url),
        "password": {"env": _variable(name, "PASSWORD")},
        **({"connections": connections} if connections else {}),
        "drill": _drill_tests(settings.databases[name]),
        **_own_objectives(settings, name),
    }


def _describe_files(name: str, source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "s3",
        "endpoint": source["endpoint"],
        "region": source["region"],
        "buckets": source["buckets"],
        **({"inventory": source["inventory"]} if "inventory" in source else {}),
        "credentials": {
            "access_key_id": {"env": _variable(name, "ACCESS_KEY_ID")},
            "secret_access_key": {"env": _variable(name, "SECRET_ACCESS_KEY")},
        },
    }


def _describe_access(settings: Settings, role: str) -> dict[str, str]:
    """Return how a role reaches the replica's account; nothing where it is that of the primary vault."""
    backups = settings.vaults
    if not backups.has_second_account:
        return {}
    return {
        "role": role_arn(settings.platform.name, backups.replica_account, role),
        "profile": backups.replica.profile or "",
    }


def _describe_elsewhere(elsewhere: ElsewhereSettings) -> dict[str, Any]:
    key_id, secret = ELSEWHERE_KEY
    return {
        "bucket": elsewhere.bucket,
        "region": elsewhere.region,
        "endpoint": elsewhere.endpoint,
        "credentials": {"access_key_id": {"env": key_id}, "secret_access_key": {"env": secret}},
        "recipients": list(elsewhere.recipients),
        "lock_days": elsewhere.lock_days,
    }


def _monitor_variable(job: str, kind: str) -> str:
    return _variable(job, f"{kind.upper()}_URL")


def _variable(name: str, what: str) -> str:
    return f"BULWARK_{name.upper().replace('-', '_')}_{what}"


def _own_objectives(settings: Settings, store: str) -> dict[str, Any]:
    own = settings.stores[store].objectives
    chosen = _choose_objectives(own.model_dump(exclude_none=True)) if own else {}
    return {"objectives": chosen} if chosen else {}


def _choose_objectives(objectives: Mapping[str, int]) -> dict[str, int]:
    """Return those of the objectives that a recovery file has."""
    names = ("recovery_time_minutes", "critical_recovery_time_minutes", "independent_recovery_point_hours")
    return {name: objectives[name] for name in names if name in objectives}


def _drill_tests(store: DatabaseStore) -> dict[str, Any]:
    drill, role = store.drill, store.application_role
    if not drill:
        return {"application_role": role} if role else {}
    return {
        "application_role": role,
        "newest_change": drill.newest_change,
        "assertions": [assertion.model_dump(mode="json") for assertion in drill.assertions],
        "write": drill.write,
        "application": drill.application.model_dump(mode="json") if drill.application else None,
    }
