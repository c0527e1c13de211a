"""The twin's service processes: start, stop and look, with files instead of a daemon to remember them."""

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

from core.processes import Launched, find, obstacle, python_module, spawn, terminate
from postgres_server.cluster import Cluster
from postgres_server.install import PostgresError
from twin import file_store
from twin.host.home import HOME_VARIABLE, TwinHome
from twin.host.time_scale import SPEED_VARIABLE
from twin.host.tls import ensure_certificates, trusting_context
from twin.neon.model import Neon

START_DEADLINE_SECONDS = 30.0
_ANSWER_TIMEOUT_SECONDS = 3.0
_LAST_LINES = 15
_CHECKOUT = Path(__file__).resolve().parent.parent
_KEPT_VARIABLES = (
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
"""Called with a service's name and what happens to it."""


class ServiceError(Exception):
    """A service cannot be had. The message's first line is the cause; what to do or to look at follows."""


@dataclass(frozen=True)
class TwinService:
    """
    One process of the twin.

    `ports` are on loopback. `health_url` answers with any HTTP status once the process is up; a status of 500
    or more means that it is up and unwell. `port_setting` says where a person changes the ports.
    """

    name: str
    argv: tuple[str, ...]
    ports: tuple[int, ...]
    health_url: str
    port_setting: str
    variables: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Environment variables of its own, where its secrets go."""


@dataclass(frozen=True)
class ServiceStatus:
    """What a person sees. `since` is Unix time; `detail` explains a state other than running."""

    name: str
    state: State
    address: str
    pid: int | None = None
    since: float | None = None
    log: Path | None = None
    detail: str = ""


def declared(home: TwinHome, *, api_port: int, frontend_port: int) -> tuple[TwinService, ...]:
    """Return the services of one twin; the platform's two ports are those of the URLs in the settings."""
    aws, vendors = home.port("aws"), home.port("vendors")
    remembered = f"{home.root / 'ports.json'} (remove the entry there and another port is drawn)"
    return (
        TwinService(
            "aws",
            python_module("twin.aws.service"),
            (aws,),
            f"http://127.0.0.1:{aws}/moto-api/",
            remembered,
        ),
        TwinService(
            "vendors",
            python_module("twin.vendor_service"),
            (vendors, home.port("console")),
            f"http://127.0.0.1:{vendors}/",
            remembered,
        ),
        TwinService(
            "files",
            file_store.program(home),
            (home.port("files"),),
            f"http://127.0.0.1:{home.port('files')}/",
            remembered,
            file_store.variables(home),
        ),
        TwinService(
            "platform",
            python_module(
                "twin.sample_app.service", "--api-port", str(api_port), "--frontend-port", str(frontend_port)
            ),
            (api_port, frontend_port),
            f"https://localhost:{api_port}/health",
            "the platform's URLs in the stack's settings",
        ),
    )


def start(
    home: TwinHome,
    services: Sequence[TwinService],
    *,
    progress: OnServiceProgress = lambda _name, _what: None,
    deadline_seconds: float = START_DEADLINE_SECONDS,
) -> None:
    """
    Start what does not run, restart what does not answer, and return when everything answers.

    Raises ServiceError. A service that could not be had is not left half started; the others stay up.
    """
    home.create()
    ensure_certificates(home)
    with _exclusive(home):
        waiting = {service.name: service for service in services if not _in_order(home, service, progress)}
        _refuse_occupied_ports(waiting.values())
        for service in waiting.values():
            progress(service.name, "starting")
            launched = spawn(service.argv, _environment(home, service), _log(home, service.name))
            launched.write(_run(home, service.name))
        for name, cluster in Neon(home).clusters():
            if not cluster.running:
                progress(f"postgres/{name}", "starting")
                _start_cluster(name, cluster)
        _await_all(home, waiting, progress, time.monotonic() + deadline_seconds)


def stop(
    home: TwinHome,
    services: Sequence[TwinService],
    *,
    progress: OnServiceProgress = lambda _name, _what: None,
) -> None:
    """Stop every service and every PostgreSQL instance. Data stays; what is not ours is not touched."""
    home.create()
    with _exclusive(home):
        for service in reversed(services):
            launched = _launched(home, service)
            if launched and (process := launched.process()):
                progress(service.name, "stopping")
                terminate(process)
            _run(home, service.name).unlink(missing_ok=True)
        for name, cluster in Neon(home).clusters():
            if cluster.running:
                progress(f"postgres/{name}", "stopping")
                cluster.stop()


def status(home: TwinHome, services: Sequence[TwinService]) -> list[ServiceStatus]:
    """Look at every service and every PostgreSQL instance; changes nothing."""
    if not home.root.exists():
        return [ServiceStatus(service.name, "stopped", _address(service)) for service in services]
    return [_status(home, service) for service in services] + [
        ServiceStatus(
            f"postgres/{name}", "running" if cluster.running else "stopped", f"127.0.0.1:{cluster.port}"
        )
        for name, cluster in Neon(home).clusters()
    ]


def log_lines(home: TwinHome, names: Sequence[str], *, last: int = 50) -> list[tuple[str, str]]:
    """Return the last lines of each service's log as (service, line)."""
    return [(name, line) for name in names for line in _tail(_log(home, name), last)]


def follow_logs(home: TwinHome, names: Sequence[str]) -> Generator[tuple[str, str]]:
    """Yield (service, line) as lines are written, for ever, across rotations."""
    positions = {name: _size(_log(home, name)) for name in names}
    while True:
        for name, position in positions.items():
            if (size := _size(_log(home, name))) == position:
                continue
            with _log(home, name).open("rb") as log:
                log.seek(position if size > position else 0)
                whole, newline, _ = log.read().rpartition(b"\n")
                positions[name] = (position if size > position else 0) + len(whole) + len(newline)
            yield from ((name, line) for line in whole.decode(errors="replace").splitlines())
        time.sleep(0.2)


@contextmanager
def _exclusive(home: TwinHome) -> Generator[None]:
    with (home.run / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _launched(home: TwinHome, service: TwinService) -> Launched | None:
    """Return the remembered process, or one that an interrupted start had no time to write down."""
    remembered = Launched.read(_run(home, service.name))
    if remembered and remembered.process():
        return remembered
    return find(service.argv, HOME_VARIABLE, str(home.root))


def _in_order(home: TwinHome, service: TwinService, progress: OnServiceProgress) -> bool:
    """Say whether the service runs and answers; one that runs as declared no more, or hangs, is ended."""
    remembered = Launched.read(_run(home, service.name))
    if remembered and remembered.argv != service.argv and (process := remembered.process()):
        progress(service.name, "stopping: its settings changed")
        terminate(process)
    launched = _launched(home, service)
    process = launched.process() if launched else None
    if not launched or not process:
        return False
    launched.write(_run(home, service.name))
    if _answer(home, service) is not None:
        progress(service.name, "running")
        return True
    progress(service.name, "stopping: it does not answer")
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
            if reason := obstacle(port):
                raise ServiceError(
                    f"Port {port} of the service '{service.name}' {reason}.\n"
                    f"Free it, or change the port in {service.port_setting}."
                )


def _await_all(
    home: TwinHome, waiting: dict[str, TwinService], progress: OnServiceProgress, deadline: float
) -> None:
    """Wait until each one answers; `waiting` is emptied on the way."""
    while waiting:
        for service in list(waiting.values()):
            launched = Launched.read(_run(home, service.name))
            process = launched.process() if launched else None
            if process is None:
                raise ServiceError(_failure(home, service, "ended right after its start"))
            if _answer(home, service) is not None:
                progress(service.name, "running")
                del waiting[service.name]
            elif time.monotonic() > deadline:
                terminate(process)
                raise ServiceError(_failure(home, service, "did not answer in time and was stopped"))
        time.sleep(0.05)


def _failure(home: TwinHome, service: TwinService, what: str) -> str:
    log = _log(home, service.name)
    return "\n".join((f"The service '{service.name}' {what}. The end of {log}:", *_tail(log, _LAST_LINES)))


def _status(home: TwinHome, service: TwinService) -> ServiceStatus:
    log = _log(home, service.name)
    launched = _launched(home, service)
    process = launched.process() if launched else None
    if not launched or not process:
        return ServiceStatus(service.name, "stopped", _address(service), log=log)
    answer = _answer(home, service)
    detail = "does not answer" if answer is None else f"answers HTTP {answer}" if answer >= 500 else ""
    state: State = "unhealthy" if detail else "running"
    return ServiceStatus(service.name, state, _address(service), launched.pid, launched.created, log, detail)


def _answer(home: TwinHome, service: TwinService) -> int | None:
    """Return the HTTP status of the service's health address, or None when nothing answers there."""
    url = urlsplit(service.health_url)
    if url.scheme == "https":
        context = trusting_context(home.tls / "ca.crt")
        connection = HTTPSConnection(url.netloc, timeout=_ANSWER_TIMEOUT_SECONDS, context=context)
    else:
        connection = HTTPConnection(url.netloc, timeout=_ANSWER_TIMEOUT_SECONDS)
    with suppress(HTTPException, OSError), closing(connection):
        connection.request("GET", url.path)
        return connection.getresponse().status
    return None


def _environment(home: TwinHome, service: TwinService) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    own = {HOME_VARIABLE: str(home.root), "PYTHONPATH": str(_CHECKOUT), "PYTHONUNBUFFERED": "1"}
    return kept | own | dict(service.variables)


def _address(service: TwinService) -> str:
    return service.health_url.removesuffix("/").removesuffix("/moto-api").removesuffix("/health")


def _run(home: TwinHome, name: str) -> Path:
    return home.run / f"{name}.json"


def _log(home: TwinHome, name: str) -> Path:
    return home.logs / f"{name}.log"


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _tail(log: Path, count: int) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, _size(log) - 200 * count))
        return file.read().decode(errors="replace").splitlines()[-count:]
