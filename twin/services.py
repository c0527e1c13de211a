"""Start, stop and inspect the twin's service processes. Files record them; there is no daemon."""

import fcntl
import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psutil

from core.lock_file import open_lock_file
from core.processes import (
    LaunchedProcess,
    find_launched,
    find_port_conflict,
    listens_at,
    module_argv,
    spawn,
    terminate,
)
from core.state_folder import HOME_VARIABLE
from postgres_server.cluster import Cluster
from postgres_server.install import PostgresError
from twin import elsewhere, file_store
from twin.host.home import TwinHome
from twin.host.time_scale import SPEED_VARIABLE
from twin.host.tls import ensure_certificates, tls_context
from twin.neon.model import Neon

START_DEADLINE_SECONDS = 30.0
_ANSWER_TIMEOUT_SECONDS = 3.0
_LAST_LINES = 15
_CHECKOUT = Path(__file__).resolve().parent.parent
_INHERITED_VARIABLES = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "PYTHONPYCACHEPREFIX",
    SPEED_VARIABLE,
    "BULWARK_TWIN_REPLICATION_SECONDS",
    "BULWARK_TWIN_SESSION_SECONDS",
)

State = Literal["running", "stopped", "unhealthy"]
OnServiceProgress = Callable[[str, str], None]
"""Called with a service's name and what happens to it, such as "starting"."""


class ServiceError(Exception):
    """A service can't be started. The message's first line is the cause; the next step or the log follows."""


@dataclass(frozen=True)
class TwinService:
    """
    One process of the twin.

    `ports` are on loopback. `health_url` answers with any HTTP status once the process is up; 500 or more
    means that it is unhealthy. `port_setting` names the place where a person changes the ports.
    """

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    health_url: str
    port_setting: str
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Environment variables of this service only; its secrets among them."""


@dataclass(frozen=True)
class ServiceStatus:
    """The state of one service. `since` is Unix time; `detail` explains why the service is unhealthy."""

    name: str
    state: State
    address: str
    pid: int | None = None
    since: float | None = None
    log: Path | None = None
    detail: str = ""


def declare_services(
    home: TwinHome,
    *,
    platform_ports: Sequence[int],
    platform_name: str = "platform",
    elsewhere_bucket: str = "",
) -> tuple[TwinService, ...]:
    """
    Return the services of one twin.

    The sample platform serves at each of its ports; without one it doesn't run. Stacks with other ports need
    another name for it, or the one would end that of the other. Without a name of its bucket there is no
    store elsewhere.
    """
    aws, vendors = home.port("aws"), home.port("vendors")
    port_setting = f"{home.root / 'ports.json'} (remove the entry there and another port is drawn)"
    store_elsewhere = TwinService(
        "elsewhere",
        elsewhere.server_argv(elsewhere_bucket),
        (home.port(elsewhere.PORT),),
        f"http://127.0.0.1:{home.port(elsewhere.PORT)}/",
        port_setting,
    )
    platform = (
        TwinService(
            platform_name,
            module_argv(
                "twin.sample_app.service",
                *(word for port in platform_ports for word in ("--port", str(port))),
            ),
            tuple(platform_ports),
            f"https://localhost:{platform_ports[0]}/health",
            "the services' URLs in the stack's settings",
        )
        if platform_ports
        else None
    )
    return (
        TwinService(
            "aws",
            module_argv("twin.aws.service"),
            (aws,),
            f"http://127.0.0.1:{aws}/moto-api/",
            port_setting,
        ),
        TwinService(
            "vendors",
            module_argv("twin.vendor_service"),
            (vendors, home.port("console")),
            f"http://127.0.0.1:{vendors}/",
            port_setting,
        ),
        TwinService(
            "files",
            file_store.server_argv(home),
            (home.port("files"),),
            f"http://127.0.0.1:{home.port('files')}/",
            port_setting,
            file_store.server_environment(home),
        ),
        *((store_elsewhere,) if elsewhere_bucket else ()),
        *((platform,) if platform else ()),
    )


def start(
    home: TwinHome,
    services: Sequence[TwinService],
    *,
    on_progress: OnServiceProgress = lambda _name, _what: None,
    deadline_seconds: float = START_DEADLINE_SECONDS,
) -> list[str]:
    """
    Start the services that don't run, restart those that don't answer, and return when all answer.

    Returns the PostgreSQL servers that had been stopped while all services ran, and run again.

    Raises ServiceError. A service that doesn't answer in time is stopped; the others stay up.
    """
    home.create()
    ensure_certificates(home)
    with _lock_services(home):
        waiting = {service.name: service for service in services if not _reuse(home, service, on_progress)}
        all_ran, started = not waiting, list[str]()
        _refuse_occupied_ports(waiting.values())
        for service in waiting.values():
            on_progress(service.name, "starting")
            launched = spawn(service.argv, _environment(home, service), _log_file(home, service.name))
            launched.write(_run_file(home, service.name))
        for name, cluster in Neon(home).list_clusters():
            if not cluster.is_running:
                on_progress(f"postgres/{name}", "starting")
                _start_cluster(name, cluster)
                started.append(f"postgres/{name}")
        _wait_for_all(home, waiting, on_progress, time.monotonic() + deadline_seconds)
    return started if all_ran else []


def stop(
    home: TwinHome,
    services: Sequence[TwinService],
    *,
    on_progress: OnServiceProgress = lambda _name, _what: None,
) -> None:
    """Stop every service and every PostgreSQL instance of this twin. Data stays."""
    home.create()
    with _lock_services(home):
        for service in reversed(services):
            launched = _find_launched(home, service)
            if launched and (process := launched.find()):
                on_progress(service.name, "stopping")
                terminate(process)
            _run_file(home, service.name).unlink(missing_ok=True)
        for name, cluster in Neon(home).list_clusters():
            if cluster.is_running:
                on_progress(f"postgres/{name}", "stopping")
                cluster.stop()


def status(home: TwinHome, services: Sequence[TwinService]) -> list[ServiceStatus]:
    """Return the status of every service and every PostgreSQL instance."""
    if not home.root.exists():
        return [ServiceStatus(service.name, "stopped", _address(service)) for service in services]
    return [_find_status(home, service) for service in services] + [
        ServiceStatus(
            f"postgres/{name}", "running" if cluster.is_running else "stopped", f"127.0.0.1:{cluster.port}"
        )
        for name, cluster in Neon(home).list_clusters()
    ]


def read_logs(home: TwinHome, names: Sequence[str], *, last: int = 50) -> list[tuple[str, str]]:
    """Return the last lines of each service's log as (service, line)."""
    return [(name, line) for name in names for line in _read_tail(_log_file(home, name), last)]


def follow_logs(home: TwinHome, names: Sequence[str]) -> Generator[tuple[str, str]]:
    """Yield (service, line) as lines are written, for ever, across rotations."""
    positions = {name: _file_size(_log_file(home, name)) for name in names}
    while True:
        for name, position in positions.items():
            if (size := _file_size(_log_file(home, name))) == position:
                continue
            with _log_file(home, name).open("rb") as log:
                log.seek(position if size > position else 0)
                whole, newline, _ = log.read().rpartition(b"\n")
                positions[name] = (position if size > position else 0) + len(whole) + len(newline)
            yield from ((name, line) for line in whole.decode(errors="replace").splitlines())
        time.sleep(0.2)


@contextmanager
def _lock_services(home: TwinHome) -> Generator[None]:
    with open_lock_file(home.run / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _find_launched(home: TwinHome, service: TwinService) -> LaunchedProcess | None:
    """Return the recorded process, else a running one that an interrupted start did not record."""
    recorded = LaunchedProcess.read(_run_file(home, service.name))
    if recorded and recorded.find():
        return recorded
    return find_launched(service.argv, HOME_VARIABLE, str(home.root))


def _reuse(home: TwinHome, service: TwinService, on_progress: OnServiceProgress) -> bool:
    """Return whether the running process can stay. End it if its arguments changed or it doesn't answer."""
    recorded = LaunchedProcess.read(_run_file(home, service.name))
    if recorded and recorded.argv != service.argv and (process := recorded.find()):
        on_progress(service.name, "stopping: its settings changed")
        terminate(process)
    launched = _find_launched(home, service)
    process = launched.find() if launched else None
    if not launched or not process:
        return False
    launched.write(_run_file(home, service.name))
    if _probe_health(home, service, process) is not None:
        return True
    on_progress(service.name, "stopping: it does not answer")
    terminate(process)
    return False


def _start_cluster(name: str, cluster: Cluster) -> None:
    try:
        cluster.start()
    except PostgresError as error:
        raise ServiceError(f"PostgreSQL of {name} did not start: {error}") from error


def _refuse_occupied_ports(services: Iterable[TwinService]) -> None:
    for service in services:
        for port in service.ports:
            if reason := find_port_conflict(port):
                raise ServiceError(
                    f"Port {port} of the service '{service.name}' {reason}.\n"
                    f"Free it, or change the port in {service.port_setting}."
                )


def _wait_for_all(
    home: TwinHome, waiting: dict[str, TwinService], on_progress: OnServiceProgress, deadline: float
) -> None:
    """Wait until each service answers, and remove it from `waiting` then."""
    while waiting:
        for service in list(waiting.values()):
            launched = LaunchedProcess.read(_run_file(home, service.name))
            process = launched.find() if launched else None
            if process is None:
                raise ServiceError(_explain_failure(home, service, "ended right after its start"))
            if _probe_health(home, service, process) is not None:
                on_progress(service.name, "running")
                del waiting[service.name]
            elif time.monotonic() > deadline:
                terminate(process)
                raise ServiceError(_explain_failure(home, service, "did not answer in time and was stopped"))
        time.sleep(0.05)


def _explain_failure(home: TwinHome, service: TwinService, what: str) -> str:
    log = _log_file(home, service.name)
    return "\n".join(
        (f"The service '{service.name}' {what}. The end of {log}:", *_read_tail(log, _LAST_LINES))
    )


def _find_status(home: TwinHome, service: TwinService) -> ServiceStatus:
    log = _log_file(home, service.name)
    launched = _find_launched(home, service)
    process = launched.find() if launched else None
    if not launched or not process:
        return ServiceStatus(service.name, "stopped", _address(service), log=log)
    http_status = _probe_health(home, service, process)
    if http_status is None:
        detail = "does not answer"
    else:
        detail = f"answers HTTP {http_status}" if http_status >= 500 else ""
    state: State = "unhealthy" if detail else "running"
    return ServiceStatus(service.name, state, _address(service), launched.pid, launched.created, log, detail)


def _probe_health(home: TwinHome, service: TwinService, process: psutil.Process) -> int | None:
    """Return the HTTP status of the service's health address, None when its process doesn't answer there."""
    url = urlsplit(service.health_url)
    if url.scheme == "https":
        context = tls_context(home.tls / "ca.crt")
        connection = HTTPSConnection(url.netloc, timeout=_ANSWER_TIMEOUT_SECONDS, context=context)
    else:
        connection = HTTPConnection(url.netloc, timeout=_ANSWER_TIMEOUT_SECONDS)
    with suppress(HTTPException, OSError), closing(connection):
        connection.request("GET", url.path)
        status_code = connection.getresponse().status
        # Another process can have taken the port while this one started, and then answers in its place.
        return status_code if listens_at(process, service.ports[0]) else None
    return None


def _environment(home: TwinHome, service: TwinService) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
    own = {HOME_VARIABLE: str(home.root), "PYTHONPATH": str(_CHECKOUT), "PYTHONUNBUFFERED": "1"}
    return kept | own | dict(service.variables)


def _address(service: TwinService) -> str:
    return service.health_url.removesuffix("/").removesuffix("/moto-api").removesuffix("/health")


def _run_file(home: TwinHome, name: str) -> Path:
    return home.run / f"{name}.json"


def _log_file(home: TwinHome, name: str) -> Path:
    return home.logs / f"{name}.log"


def _file_size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _read_tail(log: Path, count: int) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, _file_size(log) - 200 * count))
        return file.read().decode(errors="replace").splitlines()[-count:]
