"""
What exists at the vendors of the data and of the monitoring, and that the stack does not declare.

A database, a bucket or a branch that nobody declared is in no backup; a monitor or a project of errors that
nobody declared tells no one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from components.settings import Settings, SupabaseSettings
from live import neon, postgres, sentry, uptimerobot
from live.declared import DeclaredStack, StateResource
from live.finding import LiveFinding, Lookup, name
from live.vendor_api import Api
from live.vendor_apis import Apis
from recovery.drill.safety import age_of, is_drill_name
from recovery.files.source import FileSource, explain_source_errors

_LONGEST_DRILL: Final = timedelta(days=1)

_SENTRY_MONITORS: Final = {
    "metric_issue": "sentry:index/metricMonitor:MetricMonitor",
    "monitor_check_in_failure": "sentry:index/cronMonitor:CronMonitor",
    "uptime_domain_failure": "sentry:index/uptimeMonitor:UptimeMonitor",
}
"""Sentry's type of a monitor -> the type that declares one. Sentry makes those of other types by itself."""

_DECLARE: Final = (
    "declare it, so that it is protected, or write into policies/undeclared.yaml why it needs no protection."
)
_LEFT: Final = "it is left over from a drill: `./bulwark drill --clean` removes it."


def lookups(
    declared: DeclaredStack,
    settings: Settings,
    apis: Apis,
    *,
    database_url: Callable[[str], str],
    files: Callable[[str], FileSource],
) -> Iterator[Lookup]:
    """
    Yield the lookups of all vendors.

    Args:
        declared: The stack's state.
        settings: The stack's settings, which name organizations and buckets.
        apis: The vendors' APIs.
        database_url: Returns the address by which the database of a project at Neon is backed up, by its id.
        files: Returns the store of files of this name, by the key with which it is backed up.
    """
    for organization in sorted({store.organization for store in settings.neon.values()}):
        yield Lookup(
            f"Neon projects of {organization}",
            "neon/project/",
            lambda organization=organization: _find_projects(declared, apis.neon, organization),
        )
    for project in declared.of_type("neon:index/project:Project"):
        yield from _of_project(declared, apis.neon, project, partial(database_url, str(project["id"])))
    projects: dict[str, dict[str, SupabaseSettings]] = {}
    for name_of_store, store in settings.sources.items():
        if isinstance(store, SupabaseSettings):
            projects.setdefault(store.project, {})[name_of_store] = store
    for project_reference, of_project in projects.items():
        known = {bucket for store in of_project.values() for bucket in store.buckets}
        # Each key of a project reads all of its buckets.
        first = min(of_project)
        yield Lookup(
            f"buckets of the Supabase project {project_reference}",
            f"supabase/bucket/{project_reference}/",
            lambda project=project_reference, store=first, known=known: _find_file_buckets(
                project, known, files(store)
            ),
        )
    if settings.uptime:
        yield Lookup(
            "UptimeRobot monitors", "uptimerobot/monitor/", lambda: _find_monitors(declared, apis.uptimerobot)
        )
    if settings.errors:
        yield from error_lookups(declared, apis.sentry, settings.errors.organization)


def error_lookups(declared: DeclaredStack, api: Api, organization: str) -> Iterator[Lookup]:
    """Yield the lookups of an organization at Sentry."""
    yield Lookup(
        f"Sentry projects of {organization}",
        f"sentry/project/{organization}/",
        lambda: _find_error_projects(declared, api, organization),
    )
    yield Lookup(
        f"Sentry monitors of {organization}",
        f"sentry/monitor/{organization}/",
        lambda: _find_error_monitors(declared, api, organization),
    )


def _of_project(
    declared: DeclaredStack, api: Api, project: StateResource, database_url: Callable[[], str]
) -> Iterator[Lookup]:
    where, default = str(project["id"]), _default_branch(project)
    yield Lookup(
        f"branches of the Neon project {where}",
        f"neon/branch/{where}/",
        lambda: _find_branches(declared, api, project),
    )

    def list_databases(branch: str) -> Iterator[tuple[str, str]]:
        for database in neon.list_databases(api, where, branch):
            # The server is asked to look into those that it had from the beginning.
            if branch != default or database.name not in postgres.FIRST:
                yield database.name, ""

    for branch in sorted(_declared_branches(declared, project)):
        yield Lookup(
            f"databases of the Neon branch {branch}",
            f"neon/database/{where}/{branch}/",
            lambda branch=branch: _find_databases(declared, where, branch, list_databases(branch)),
        )
    yield Lookup(
        f"databases on the server of the Neon branch {default}",
        f"neon/database/{where}/{default}/",
        lambda: _find_databases(
            declared,
            where,
            default,
            postgres.list_databases(database_url(), _declared_databases(declared, where, default)),
        ),
    )


def _find_projects(declared: DeclaredStack, api: Api, organization: str) -> Iterator[LiveFinding]:
    known = declared.ids("neon:index/project:Project")
    for project in neon.list_projects(api, organization):
        if project.id in known or _is_running_drill(project.name):
            continue
        yield LiveFinding(
            name("neon/project", project.id),
            f"it is a project of {organization}, called {project.name}, that the stack does not declare",
            _LEFT if is_drill_name(project.name) else _DECLARE,
            can_be_reviewed=True,
            called=name("neon/project", organization, project.name),
        )


def _find_branches(declared: DeclaredStack, api: Api, project: StateResource) -> Iterator[LiveFinding]:
    known, where = _declared_branches(declared, project), str(project["id"])
    for branch in neon.list_branches(api, where):
        if branch.id in known or _is_running_drill(branch.name):
            continue
        yield LiveFinding(
            name("neon/branch", where, branch.id),
            f"it is a branch called {branch.name}{' (the default one)' * branch.default}, with a copy of the "
            "database, that the stack does not declare",
            _LEFT if is_drill_name(branch.name) else _DECLARE,
            can_be_reviewed=True,
        )


def _is_running_drill(resource: str) -> bool:
    return is_drill_name(resource) and age_of(resource, datetime.now(UTC)) < _LONGEST_DRILL


def _default_branch(project: StateResource) -> str:
    return str((project.get("outputs") or {}).get("defaultBranchId", ""))


def _declared_branches(declared: DeclaredStack, project: StateResource) -> set[str]:
    branches = {_default_branch(project), *declared.ids("neon:index/branch:Branch")}
    return branches - {""}


def _declared_databases(declared: DeclaredStack, project: str, branch: str) -> set[str]:
    """Return the names of a branch's databases; the id of one is `PROJECT/BRANCH/NAME`."""
    ids = (identifier.split("/", 2) for identifier in declared.ids("neon:index/database:Database"))
    return {parts[2] for parts in ids if parts[:2] == [project, branch]}


def _find_databases(
    declared: DeclaredStack, project: str, branch: str, existing: Iterable[tuple[str, str]]
) -> Iterator[LiveFinding]:
    """Yield the databases of a branch that are not declared; each has a note, empty if it says nothing."""
    for database, note in existing:
        if database not in _declared_databases(declared, project, branch):
            yield LiveFinding(
                name("neon/database", project, branch, database),
                note or "it is a database that the stack does not declare, so that no backup has it",
                _DECLARE,
                can_be_reviewed=True,
            )


def _find_file_buckets(project: str, known: Collection[str], files: FileSource) -> Iterator[LiveFinding]:
    with explain_source_errors(f"Listing the buckets of {files.host}"):
        buckets: list[Any] = list(files.create_client().list_buckets().get("Buckets", ()))
    for bucket in sorted(str(bucket["Name"]) for bucket in buckets):
        if bucket not in known:
            yield LiveFinding(
                name("supabase/bucket", project, bucket),
                "it is a bucket of files that the stack does not declare, so that no backup has it",
                _DECLARE,
                can_be_reviewed=True,
                called=name("supabase/bucket", project, bucket),
            )


def _find_monitors(declared: DeclaredStack, api: Api) -> Iterator[LiveFinding]:
    known = declared.ids("uptimerobot:index/monitor:Monitor")
    for monitor in uptimerobot.list_monitors(api):
        if str(monitor.id) not in known:
            yield LiveFinding(
                name("uptimerobot/monitor", str(monitor.id)),
                f"it is a monitor called {monitor.friendlyName} that the stack does not declare",
                "declare it, or delete it; or write into policies/undeclared.yaml whose it is.",
                can_be_reviewed=True,
                called=name("uptimerobot/monitor", monitor.friendlyName),
            )


def _find_error_monitors(declared: DeclaredStack, api: Api, organization: str) -> Iterator[LiveFinding]:
    known = set[str]().union(*map(declared.ids, _SENTRY_MONITORS.values()))
    slugs: dict[str, str] | None = None
    for monitor in sentry.list_monitors(api, organization):
        if monitor.type in _SENTRY_MONITORS and monitor.id not in known:
            if slugs is None:
                slugs = {project.id: project.slug for project in sentry.list_projects(api, organization)}
            project = slugs.get(monitor.projectId, "")
            yield LiveFinding(
                name("sentry/monitor", organization, monitor.id),
                f"it is a monitor called {monitor.name} that the stack does not declare",
                "declare it, or delete it; or write into policies/undeclared.yaml whose it is.",
                can_be_reviewed=True,
                called=name("sentry/monitor", organization, project) if project else "",
            )


def _find_error_projects(declared: DeclaredStack, api: Api, organization: str) -> Iterator[LiveFinding]:
    known = declared.ids("sentry:index/project:Project")
    for project in sentry.list_projects(api, organization):
        if project.slug not in known:
            yield LiveFinding(
                name("sentry/project", organization, project.slug),
                f"it is a project called {project.name} that the stack does not declare",
                "declare it, so that its errors reach someone; or write into policies/undeclared.yaml whose "
                "it is.",
                can_be_reviewed=True,
                called=name("sentry/project", organization, project.slug),
            )
