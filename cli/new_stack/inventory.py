"""What the vendors show of a team with the tokens that there are, before it has a stack."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from core.failure import Failure, split_failure
from engine.stack_target import ApiVendor, vendor_api_url
from engine.vendor_errors import VENDORS
from live import neon, sentry, supabase, uptimerobot
from live.neon import NeonDatabase, NeonProject
from live.supabase import SupabaseProject
from live.uptimerobot import LiveMonitor
from live.vendor_api import Api
from live.vendor_apis import Apis, connect, open_apis


class VendorAddresses:
    """The vendors' own addresses, or those that the environment names in their place."""

    uses_proxies = True

    def api_url(self, vendor: ApiVendor) -> str:
        return vendor_api_url(vendor)


@dataclass(frozen=True)
class SentryOrganization:
    """An organization at Sentry: its teams by slug, and the platform of each project by slug."""

    slug: str
    teams: Mapping[str, str]
    projects: Mapping[str, str]


@dataclass
class Inventory:
    """What was seen. A vendor that is in `unknown`, with the reason, was not seen or not to the end."""

    neon_plans: dict[str, str] = field(default_factory=dict[str, str])
    """Organization -> its plan."""

    neon: list[NeonProject] = field(default_factory=list[NeonProject])
    supabase: list[SupabaseProject] = field(default_factory=list[SupabaseProject])
    monitors: list[LiveMonitor] = field(default_factory=list[LiveMonitor])
    sentry: list[SentryOrganization] = field(default_factory=list[SentryOrganization])
    unknown: dict[str, str] = field(default_factory=dict[str, str])
    list_databases: Callable[[str], list[NeonDatabase]] = lambda _project: []
    list_buckets: Callable[[str], list[str]] = lambda _project: []

    def find_neon(self, name: str) -> NeonProject | None:
        """Return the only project at Neon that has this name or id; None otherwise."""
        found = [project for project in self.neon if name in (project.name, project.id)]
        return found[0] if len(found) == 1 else None

    def find_supabase(self, name: str) -> SupabaseProject | None:
        """Return the only project at Supabase that has this reference or name; None otherwise."""
        found = [project for project in self.supabase if name in (project.ref, project.name)]
        return found[0] if len(found) == 1 else None

    def find_sentry(self, slug: str) -> SentryOrganization | None:
        return next((one for one in self.sentry if one.slug == slug), None)

    def count(self) -> dict[str, int]:
        """Return how many there are of what was seen, by vendor and kind."""
        counts = {
            "neon_projects": len(self.neon),
            "supabase_projects": len(self.supabase),
            "uptimerobot_monitors": len(self.monitors),
            "sentry_projects": sum(len(one.projects) for one in self.sentry),
        }
        return {what: count for what, count in counts.items() if count}


@contextmanager
def open_supabase(tokens: Mapping[str, str], url: str = supabase.API_URL) -> Generator[Api]:
    """Open Supabase's Management API, which no stack needs."""
    vendor = VENDORS["supabase"]
    with connect(url, uses_proxies=True) as client:
        yield Api(vendor, client, tokens.get(vendor.variable, ""))


@contextmanager
def look_around(
    tokens: Mapping[str, str], *, on_progress: Callable[[str], object] = lambda _vendor: None
) -> Generator[Inventory]:
    """Look at all vendors; what depends on a choice is asked for later, while the context is open."""
    with open_apis(VendorAddresses(), tokens) as apis, open_supabase(tokens) as to_supabase:
        yield take_inventory(apis, to_supabase, on_progress=on_progress)


def take_inventory(
    apis: Apis, to_supabase: Api, *, on_progress: Callable[[str], object] = lambda _vendor: None
) -> Inventory:
    """Ask each vendor what there is; the failure of one does not stop the others."""
    inventory = Inventory()
    steps: list[tuple[Api, Callable[[Api, Inventory], None]]] = [
        (apis.neon, _ask_neon),
        (to_supabase, _ask_supabase),
        (apis.uptimerobot, _ask_uptimerobot),
        (apis.sentry, _ask_sentry),
    ]
    for api, ask in steps:
        on_progress(api.title)
        _try(inventory, api, lambda api=api, ask=ask: ask(api, inventory))

    def list_databases(project: str) -> list[NeonDatabase]:
        found: list[NeonDatabase] = []
        _try(inventory, apis.neon, lambda: found.extend(_databases(apis.neon, project)))
        return found

    def list_buckets(project: str) -> list[str]:
        found: list[str] = []
        _try(inventory, to_supabase, lambda: found.extend(supabase.list_buckets(to_supabase, project)))
        return found

    inventory.list_databases = cache(list_databases)
    inventory.list_buckets = cache(list_buckets)
    return inventory


def _try(inventory: Inventory, api: Api, ask: Callable[[], None]) -> None:
    try:
        ask()
    except Failure as failure:
        inventory.unknown[api.title] = split_failure(failure)[0]


def _ask_neon(api: Api, inventory: Inventory) -> None:
    for organization in neon.list_organizations(api):
        inventory.neon_plans[organization.id] = organization.plan
        inventory.neon += neon.list_projects(api, organization.id)


def _databases(api: Api, project: str) -> list[NeonDatabase]:
    branches = [branch for branch in neon.list_branches(api, project) if branch.default]
    return [database for branch in branches for database in neon.list_databases(api, project, branch.id)]


def _ask_supabase(api: Api, inventory: Inventory) -> None:
    inventory.supabase += supabase.list_projects(api)


def _ask_uptimerobot(api: Api, inventory: Inventory) -> None:
    inventory.monitors += uptimerobot.list_monitors(api)


def _ask_sentry(api: Api, inventory: Inventory) -> None:
    for organization in sentry.list_organizations(api):
        inventory.sentry.append(
            SentryOrganization(
                organization.slug,
                {team.slug: team.name for team in sentry.list_teams(api, organization.slug)},
                {
                    project.slug: project.platform or ""
                    for project in sentry.list_projects(api, organization.slug)
                },
            )
        )
