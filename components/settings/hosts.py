"""Where a service runs: what its host is given of the stack, and under which names."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from components.settings.model import SettingsModel
from core.host_variables import DATABASE_URL, SENTRY_DSN, SENTRY_ENVIRONMENT, SENTRY_RELEASE

_Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$", max_length=100)]
"""Of an environment variable: capitals, digits and underscores."""

_Value = Annotated[str, StringConstraints(max_length=16_384)]
"""All variables of a deployment have 64 KB at Vercel."""


class HostSettings(SettingsModel):
    """
    What any host gives to a service as environment variables.

    A service that has an error project gets its DSN and environment besides.
    """

    database: str | None = None
    """Store at Neon whose address, of the application's role, is the variable DATABASE_URL."""

    sentry_prefix: Annotated[str, StringConstraints(pattern=r"^([A-Z][A-Z0-9]*_)+$")] | None = None
    """Before the names of Sentry's variables, where a build tool gives a browser only some, such as VITE_."""

    release: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Release that errors are reported with; None: what the host knows of each deployment's commit."""

    variables: dict[VariableName, _Value] = Field(default_factory=dict)
    """Name -> value, in clear."""

    secrets: tuple[VariableName, ...] = ()
    """Names of variables whose values are secrets of the stack, `<service>_host_<name>` in small letters."""


class RailwaySettings(HostSettings):
    """A service at Railway in one environment. Both exist already; `railway status --json` has the ids."""

    type: Literal["railway"]
    project: _Uuid
    environment: _Uuid
    service: _Uuid


class VercelSettings(HostSettings):
    """A project at Vercel, which exists already."""

    type: Literal["vercel"]
    project: Annotated[str, StringConstraints(pattern=r"^prj_[A-Za-z0-9]+$", max_length=64)]
    """Its id: Project Settings, General."""

    team: Annotated[str, StringConstraints(pattern=r"^team_[A-Za-z0-9]+$", max_length=64)] | None = None
    """Id of the team that owns it; None: the account of the token."""

    target: Literal["production", "preview"] = "production"
    """Which deployments get the variables."""


AnyHostSettings = Annotated[RailwaySettings | VercelSettings, Field(discriminator="type")]

_OF_SENTRY: Final = (SENTRY_DSN, SENTRY_ENVIRONMENT, SENTRY_RELEASE)


def place(host: RailwaySettings | VercelSettings) -> tuple[str, ...]:
    """Return what two services can't share: there one would overwrite the variables of the other."""
    if isinstance(host, RailwaySettings):
        return host.type, host.service, host.environment
    return host.type, host.project, host.target


def gives_anything(host: HostSettings) -> bool:
    """Tell whether a service without an error project is given a variable."""
    return bool(host.database or host.variables or host.secrets)


def rules(host: RailwaySettings | VercelSettings) -> Iterator[tuple[str, str]]:
    """Yield the problems of a host."""
    own = {f"{host.sentry_prefix or ''}{name}" for name in _OF_SENTRY} | {DATABASE_URL}
    for name in sorted(own & host.variables.keys()):
        yield f"variables.{name}", "is a variable that the stack gives by itself"
    for name in sorted(own & set(host.secrets)):
        yield "secrets", f"{name}; the stack gives this variable by itself"
    for name in sorted(host.variables.keys() & set(host.secrets)):
        yield "secrets", f"{name}; is under `variables` as well, in clear"
    if len(set(host.secrets)) < len(host.secrets):
        yield "secrets", "names a variable twice"


def name_secret(service: str, variable: str) -> str:
    """Return the secret of the stack that has the value of a service's variable."""
    return f"{service}_host_{variable.lower()}"


def list_secrets(hosts: Mapping[str, RailwaySettings | VercelSettings]) -> list[str]:
    """Return the names of all secrets that the hosts' variables need; `hosts` is by service."""
    return [name_secret(service, name) for service, host in sorted(hosts.items()) for name in host.secrets]
