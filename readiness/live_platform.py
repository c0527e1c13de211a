"""The running platform that checks look at: its addresses, and functions that open the rest of it."""

import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from components.settings import ApiSettings, ServiceSettings, Settings
from live.heartbeats import DeclaredHeartbeat
from live.keys import KeyState
from live.vendor_api import WritingApi
from live.vendor_apis import Apis
from readiness.http_reader import HttpReader
from readiness.shared_result import SharedResult
from status.health import Health

if TYPE_CHECKING:
    import psycopg


HostVendor = Literal["railway", "vercel"]


@dataclass(frozen=True)
class DatabaseAccess:
    """How a database is reached by its owner and by the application; URLs hold passwords."""

    application_role: str
    open_owner: "Callable[[], AbstractContextManager[psycopg.Connection]]"
    """Raises Failure."""


@dataclass(frozen=True)
class ErrorTracking:
    """How Sentry is reached: its API, and the intake of each service. Functions raise Failure."""

    open_api: Callable[[], AbstractContextManager[WritingApi]]
    read_dsns: Callable[[], Mapping[str, str]]
    """Return service -> DSN."""

    uses_proxies: bool


@dataclass(frozen=True)
class HeartbeatAccess:
    """How the heartbeats of the jobs are reached, and which one may be let lapse. Functions raise Failure."""

    open_apis: Callable[[], AbstractContextManager[Apis]]
    list_declared: Callable[[], Sequence[DeclaredHeartbeat]]
    """Return those of the stack's state whose address is in its outputs."""

    read_speed: Callable[[], float]
    """Return how many seconds of the vendors pass in one; 1 but on the twin."""

    job: str = ""
    """The job that was named; empty for the one whose heartbeat lapses soonest."""

    longest_wait_seconds: float = 600.0


@dataclass(frozen=True)
class LivePlatform:
    """
    One stack's platform.

    Functions may take their time, and raise Failure where there is no answer.
    """

    stack: str
    option: str
    """What a command for the stack is given, such as `--stack prod`."""

    settings: Settings
    reader: HttpReader
    authorities: ssl.SSLContext
    """What certificates are checked against."""

    checkout: Path
    """The repository, below which the settings' paths are."""

    deployed_commit: str = ""
    """What should run; empty if nobody here knows."""

    plain_addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    """Address of a service -> that of plain HTTP at the same host, without a path."""

    health: SharedResult[Health] | None = None
    read_keys: Callable[[], Sequence[KeyState]] | None = None
    """Asks AWS for the keys of the stack; None where it declares no vaults. Raises Failure."""

    open_host: Callable[[HostVendor], AbstractContextManager[WritingApi]] | None = None
    """Opens the API of a host; checks only read there. Raises Failure."""

    errors: ErrorTracking | None = None
    """None where the stack declares none."""

    heartbeats: HeartbeatAccess | None = None
    """None where UptimeRobot watches no job."""

    name_servers: tuple[tuple[str, int], ...] = ()
    """Address and port of the name servers that are asked; without one those of this machine's settings."""

    databases: Mapping[str, DatabaseAccess] | None = None
    """Name of a store -> how it is reached."""

    @property
    def services(self) -> Mapping[str, ServiceSettings]:
        return self.settings.services

    @property
    def apis(self) -> dict[str, tuple[ServiceSettings, ApiSettings]]:
        """The services that say what their API is, in the order of their names."""
        return {
            name: (service, service.api) for name, service in sorted(self.services.items()) if service.api
        }

    def list_addresses(self) -> Iterator[str]:
        """Yield the addresses that are watched from outside, or the root of a service without one."""
        for _, service in sorted(self.services.items()):
            for path in dict.fromkeys([check.path for check in service.checks.values()] or ["/"]):
                yield f"{service.url}{path}"
