"""What the platform's users reach: services, how each is watched, and where its errors go."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints

from components.settings import hosts
from components.settings.hosts import AnyHostSettings
from components.settings.model import Origin, Positive, SettingsModel, Slug
from components.severity import Severity

SentrySlug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]*[a-z_-][a-z0-9_-]*$", max_length=50)]
"""
Of what exists at Sentry: lower-case letters, digits, hyphens and underscores, and not digits alone.

Source: getsentry/sentry, src/sentry/slug/patterns.py.
"""

CheckName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,30}$")]
"""Without hyphens, so that the names of a service and of its check make one name that no other two make."""

ServiceName = Annotated[Slug, StringConstraints(max_length=30)]

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[^\s?#]*$", max_length=500)]

Watcher = Literal["uptimerobot", "sentry"]
"""Vendor that looks at an address from outside."""


class CheckSettings(SettingsModel):
    """One address of a service that is watched from outside."""

    path: UrlPath
    severity: Severity
    """Incident level of its failure."""

    keyword: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    """Text that the answer must contain, as UptimeRobot sees it; an answer 200 without it counts as down."""

    statuses: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[1-5](xx|\d\d)$")], ...], Field(min_length=1)
    ] = ("2xx",)
    """HTTP statuses that count as up, as UptimeRobot sees them."""

    follow_redirects: bool = False
    watched_by: Annotated[tuple[Watcher, ...], Field(min_length=1)] = ("uptimerobot",)
    """Two vendors notice an outage even while one of them has an outage itself."""


class ErrorProjectSettings(SettingsModel):
    """The Sentry project of a service."""

    project: SentrySlug | None = None
    """Slug of the project; without it the service's name."""

    platform: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+$")]
    """Sentry's platform id, such as node-express."""

    events_per_minute: Positive
    """Rate limit of the key, so that one loop can't use up the month's quota."""

    paths: Annotated[tuple[str, ...], Field(min_length=1)]
    """Source paths (Sentry ownership patterns) that the team owns."""


class RequestLimitSettings(SettingsModel):
    """How many requests of one client an address answers before it answers 429."""

    path: UrlPath
    method: Literal["GET", "POST"] = "GET"
    requests: Annotated[int, Field(ge=1, le=500)]
    """The most that `./bulwark ready` sends to see the limit is a few more."""

    minutes: Annotated[int, Field(ge=1, le=1_440)]


class ApiSettings(SettingsModel):
    """What `./bulwark ready` measures of a service that is an API."""

    health: UrlPath = "/health"
    version: UrlPath = "/api/version"
    document: UrlPath = "/api/openapi.json"
    """Where the service shows its OpenAPI document."""

    released: (
        Annotated[
            str, StringConstraints(pattern=r"^\w[\w-]*(\.[\w-]+)*(/\w[\w-]*(\.[\w-]+)*)*$", max_length=200)
        ]
        | None
    ) = None
    """File of the repository with the document of the last release, which no change may break."""

    origins: tuple[Origin, ...] = ()
    """Pages elsewhere that may call it in a browser; those of the stack's own services always may."""

    limits: dict[CheckName, RequestLimitSettings] = Field(default_factory=dict)
    """Name, such as `sign_in` -> what is answered at most."""


class ServiceSettings(SettingsModel):
    """A service that the public reaches."""

    url: Origin
    critical: bool = False
    """Whether `platform.objectives.critical_recovery_time_minutes` holds for it."""

    checks: dict[CheckName, CheckSettings] = Field(default_factory=dict)
    """Name -> what is watched."""

    errors: ErrorProjectSettings | None = None
    api: ApiSettings | None = None
    host: AnyHostSettings | None = None
    """Where it runs, so that the stack declares its variables there; None: somebody else does."""


Services = dict[ServiceName, ServiceSettings]
"""The block `bulwark:services`: name -> service."""

_DIGITS: Final = frozenset("0123456789")


def project_slug(name: str, service: ServiceSettings) -> str:
    """Return the slug of a service's project at Sentry."""
    return (service.errors.project if service.errors else None) or name


def rules(services: Mapping[str, ServiceSettings]) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    problems: list[tuple[str, str]] = []
    urls: dict[str, str] = {}
    projects: dict[str, str] = {}
    places: dict[tuple[str, ...], str] = {}
    for name, service in sorted(services.items()):
        if service.host:
            problems += [(f"{name}.host.{path}", text) for path, text in hosts.rules(service.host)]
            if (other := places.setdefault(hosts.place(service.host), name)) != name:
                problems.append((f"{name}.host", f"is where {other} runs too"))
            if not service.errors and not hosts.gives_anything(service.host):
                problems.append((f"{name}.host", "gives the service nothing"))
        if urlsplit(service.url).port == 0:
            problems.append(
                (
                    f"{name}.url",
                    f"{service.url}; port 0 stands for a drawn port, which only a stack on the twin has",
                )
            )
        elif (other := urls.setdefault(service.url, name)) != name:
            problems.append((f"{name}.url", f"{service.url}; is the address of {other} too"))
        problems += [
            (f"{name}.checks.{check}.watched_by", "names a vendor twice")
            for check, one in service.checks.items()
            if len(set(one.watched_by)) < len(one.watched_by)
        ]
        if not service.errors:
            problems += [
                (f"{name}.checks.{check}.watched_by", "sentry; it needs `errors` of the service")
                for check, one in service.checks.items()
                if "sentry" in one.watched_by
            ]
            continue
        slug = project_slug(name, service)
        if _DIGITS.issuperset(slug):
            problems.append((f"{name}.errors.project", f"is missing; Sentry takes {slug} for a number"))
        if (other := projects.setdefault(slug, name)) != name:
            problems.append((f"{name}.errors.project", f"{slug}; is the project of {other} too"))
    return problems
