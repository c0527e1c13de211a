"""Services are started, found again and stopped; processes of others are left alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest
from clusters import reachable_home
from vendor_process import Twin, eventually, fresh_home, serving_target

from core.failure import Failure
from core.processes import LaunchedProcess, spawn, terminate
from core.state_folder import HOME_VARIABLE
from twin.host.home import TwinHome
from twin.host.time_scale import SPEED_VARIABLE
from twin.neon.model import Neon
from twin.services import (
    ServiceError,
    TwinService,
    declare_services,
    follow_logs,
    read_logs,
    start,
    status,
    stop,
)

SERVER = """
import http.server, sys
print("listening soon", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2])); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path) -> TwinHome:
    return fresh_home(tmp_path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def http_service(name: str = "one", program: str = SERVER, answer: int = 200) -> TwinService:
    port = free_port()
    argv = (sys.executable, "-c", program, str(port), str(answer))
    return TwinService(name, argv, (port,), f"http://127.0.0.1:{port}/", "the test")


@pytest.fixture
def service(home: TwinHome) -> Generator[TwinService]:
    made = http_service()
    yield made
    stop(home, [made])


def pid_of(home: TwinHome, service: TwinService) -> int:
    pid = status(home, [service])[0].pid
    assert pid
    return pid


def count_processes(service: TwinService) -> int:
    count = 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            count += tuple(process.cmdline()) == service.argv
    return count


def test_a_service_is_started_seen_and_stopped(home: TwinHome, service: TwinService) -> None:
    seen: list[tuple[str, str]] = []
    assert status(home, [service])[0].state == "stopped"
    start(home, [service], on_progress=lambda name, what: seen.append((name, what)))
    found = status(home, [service])[0]
    assert (found.state, found.address) == ("running", f"http://127.0.0.1:{service.ports[0]}")
    assert found.since
    assert abs(found.since - time.time()) < 60
    assert read_logs(home, ["one"])[0] == ("one", "listening soon")
    assert seen == [("one", "starting"), ("one", "running")]
    stop(home, [service])
    assert status(home, [service])[0].state == "stopped"
    assert count_processes(service) == 0


def test_starting_a_service_twice_changes_nothing(home: TwinHome, service: TwinService) -> None:
    start(home, [service])
    first = pid_of(home, service)
    start(home, [service])
    assert pid_of(home, service) == first


def test_another_process_that_answers_in_place_of_a_service_is_not_taken_for_it(home: TwinHome) -> None:
    service = http_service(program="import time; time.sleep(60)")
    other = http_service("other")
    moved = replace(other, argv=(*other.argv[:3], str(service.ports[0]), "200"))

    def take_port(_name: str, what: str) -> None:
        if what == "starting":
            spawn(moved.argv, {}, home.logs / "other.log").write(file)

    file = home.root / "other.json"
    try:
        with pytest.raises(ServiceError, match="'one' did not answer in time"):
            start(home, [service], on_progress=take_port, deadline_seconds=1.5)
        with urlopen(service.health_url) as response:  # noqa: S310 - the test's own server
            assert response.status == 200
    finally:
        launched = LaunchedProcess.read(file)
        process = launched.find() if launched else None
        assert process
        terminate(process)
        stop(home, [service])


def test_concurrent_starts_of_a_service_start_one_process(home: TwinHome, service: TwinService) -> None:
    with ThreadPoolExecutor(4) as together:
        list(together.map(lambda _: start(home, [service]), range(4)))
    assert count_processes(service) == 1


def test_a_killed_service_is_started_again(home: TwinHome, service: TwinService) -> None:
    start(home, [service])
    first = pid_of(home, service)
    os.kill(first, signal.SIGKILL)
    eventually(lambda: status(home, [service])[0].state == "stopped")
    start(home, [service])
    assert pid_of(home, service) != first


def test_a_service_that_hangs_is_unhealthy_and_the_next_start_replaces_it(
    home: TwinHome, service: TwinService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twin.services._ANSWER_TIMEOUT_SECONDS", 0.5)
    start(home, [service])
    first = pid_of(home, service)
    os.kill(first, signal.SIGSTOP)
    found = status(home, [service])[0]
    assert (found.state, found.detail) == ("unhealthy", "does not answer")
    start(home, [service])
    assert status(home, [service])[0].state == "running"
    assert pid_of(home, service) != first


def test_a_service_that_answers_an_error_is_unhealthy_but_started(home: TwinHome) -> None:
    red = http_service(answer=503)
    start(home, [red])
    found = status(home, [red])[0]
    stop(home, [red])
    assert (found.state, found.detail) == ("unhealthy", "answers HTTP 503")


@pytest.mark.parametrize("signals", ["takes", "ignores"])
def test_a_process_whose_parent_does_not_look_after_it_ends_at_once(signals: str) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if signals == "ignores" else ""
    child = f"import signal; {ignore}print('ready', flush=True); input()"
    program = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {child!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        process = psutil.Process(int(parent.stdout.readline()))
        begun = time.monotonic()
        terminate(process, timeout_seconds=60 if signals == "takes" else 0.5)
        assert time.monotonic() - begun < 30
        assert process.status() == psutil.STATUS_ZOMBIE
        parent.kill()


def test_a_process_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    child = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        # As while the kernel lets it wait for a disk.
        monkeypatch.setattr(psutil.Process, "kill", lambda _: None)
        with pytest.raises(Failure, match=f"Process {process.pid} does not end, though it was killed"):
            terminate(psutil.Process(process.pid), timeout_seconds=0.2)
        process.kill()


def test_a_process_that_only_reuses_a_services_pid_is_left_alone(
    home: TwinHome, service: TwinService
) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        created = psutil.Process(bystander.pid).create_time()
        for record in (
            LaunchedProcess(bystander.pid, created - 3600, service.argv),
            LaunchedProcess(bystander.pid, created, service.argv),
        ):
            record.write(home.run / "one.json")
            assert status(home, [service])[0].state == "stopped"
            stop(home, [service])
            assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_the_service_of_another_twin_is_left_alone(
    home: TwinHome, tmp_path: Path, service: TwinService
) -> None:
    other = fresh_home(tmp_path / "other")
    start(other, [service])
    with pytest.raises(ServiceError, match=f"Port {service.ports[0]}"):
        start(home, [service])
    stop(home, [service])
    assert status(other, [service])[0].state == "running"
    stop(other, [service])


def test_a_service_that_an_interrupted_start_left_behind_is_adopted(
    home: TwinHome, service: TwinService
) -> None:
    start(home, [service])
    first = pid_of(home, service)
    (home.run / "one.json").unlink()
    start(home, [service])
    assert pid_of(home, service) == first


def test_a_service_whose_arguments_changed_is_restarted_with_the_new_ones(
    home: TwinHome, service: TwinService
) -> None:
    start(home, [service])
    moved = replace(http_service(), name="one")
    start(home, [moved])
    assert count_processes(service) == 0
    assert status(home, [moved])[0].state == "running"
    stop(home, [moved])


def test_an_occupied_port_of_a_service_is_reported_with_what_to_do(
    home: TwinHome, service: TwinService
) -> None:
    innocent = http_service("innocent")
    with socket.create_server(("127.0.0.1", service.ports[0])), pytest.raises(ServiceError) as refused:
        start(home, [innocent, service])
    me = psutil.Process()
    assert str(refused.value) == (
        f"Port {service.ports[0]} of the service 'one' is taken by process {me.pid} ({me.name()}).\n"
        "Free it, or change the port in the test."
    )
    assert count_processes(innocent) == 0


def test_a_service_that_dies_at_start_shows_the_end_of_its_log(home: TwinHome) -> None:
    dying = http_service(program="import sys; print('the cause'); sys.exit(3)")
    with pytest.raises(ServiceError) as refused:
        start(home, [dying])
    cause, *lines = str(refused.value).splitlines()
    assert cause == f"The service 'one' ended right after its start. The end of {home.logs / 'one.log'}:"
    assert lines == ["the cause"]


def test_a_service_that_never_answers_is_not_left_half_started(home: TwinHome) -> None:
    mute = http_service(program="import time; time.sleep(60)")
    with pytest.raises(ServiceError, match="did not answer in time and was stopped"):
        start(home, [mute], deadline_seconds=0.5)
    assert count_processes(mute) == 0


def test_a_service_sees_the_twins_home_and_none_of_the_callers_secrets(
    home: TwinHome, service: TwinService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANTED_TOKEN", "planted-secret")
    start(home, [service])
    environment = psutil.Process(pid_of(home, service)).environ()
    assert environment[HOME_VARIABLE] == str(home.root)
    assert "PLANTED_TOKEN" not in environment


def test_a_large_log_is_rotated_at_start_and_only_its_owner_reads_it(
    home: TwinHome, service: TwinService
) -> None:
    log = home.logs / "one.log"
    log.write_bytes(b"x" * (5 * 1024 * 1024))
    start(home, [service])
    assert (home.logs / "one.log.1").stat().st_size == 5 * 1024 * 1024
    assert log.stat().st_mode & 0o777 == 0o600
    assert read_logs(home, ["one"])[0] == ("one", "listening soon")


def test_logs_can_be_followed_across_a_rotation(home: TwinHome) -> None:
    log = home.logs / "one.log"
    log.write_text("before\n")
    following = follow_logs(home, ["one"])
    with ThreadPoolExecutor(1) as reader:
        first = reader.submit(next, following)
        time.sleep(0.1)
        with log.open("a") as file:
            file.write("whole\nhal")
        assert first.result(5) == ("one", "whole")
        log.replace(home.logs / "one.log.1")
        log.write_text("new\n")
        assert reader.submit(next, following).result(5) == ("one", "new")
    following.close()


def test_a_twin_that_was_never_started_has_only_stopped_services(
    tmp_path: Path, service: TwinService
) -> None:
    nowhere = TwinHome(tmp_path / "nowhere")
    assert [found.state for found in status(nowhere, [service])] == ["stopped"]
    assert not nowhere.root.exists()


def test_the_declared_services_use_the_given_ports(home: TwinHome) -> None:
    services = {found.name: found for found in declare_services(home, platform_ports=[8443, 8444])}
    assert services["vendors"].ports == (home.port("vendors"), home.port("console"))
    assert services["platform"].ports == (8443, 8444)
    assert services["platform"].argv[-4:] == ("--port", "8443", "--port", "8444")
    assert services["aws"].health_url == f"http://127.0.0.1:{home.port('aws')}/moto-api/"


@pytest.fixture
def vendors(home: TwinHome, monkeypatch: pytest.MonkeyPatch) -> Generator[Any]:
    monkeypatch.setenv(SPEED_VARIABLE, "60")
    made = next(found for found in declare_services(home, platform_ports=[1]) if found.name == "vendors")
    yield made
    stop(home, [made])


def test_the_vendors_process_killed_in_an_outage_alerts_once(home: TwinHome, vendors: TwinService) -> None:
    twin = Twin(home)
    with serving_target() as target:
        monitor = twin.monitor(twin.contact(), url=target.url)
        start(home, [vendors])
        twin.await_status(monitor, "UP")
        target.status = 503
        twin.await_status(monitor, "DOWN")
        os.kill(pid_of(home, vendors), signal.SIGKILL)
        start(home, [vendors])
        eventually(lambda: twin.received("sev1"))
        target.status = 200
        eventually(lambda: len(twin.received("sev1")) == 2)
        # Once the target is gone, the next probe alerts again.
        assert [alert["alertTypeFriendlyName"] for alert in twin.received("sev1")] == ["Down", "Up"]
    log = "\n".join(line for _, line in read_logs(home, ["vendors"]))
    assert "monitor changed" in log
    assert "/inbox/sev1" not in log, "the address of an integration is a secret"
    twin.close()


def test_an_invalid_speed_stops_the_vendors_process_with_a_reason(
    home: TwinHome, vendors: TwinService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SPEED_VARIABLE, "fast")
    with pytest.raises(ServiceError, match="must be a number above 0"):
        start(home, [vendors])


def test_databases_are_stopped_and_started_with_the_services() -> None:
    with reachable_home() as home:
        neon = Neon(home)
        project, _ = neon.create("project", {"name": "db"})
        stop(home, [])
        assert {found.state for found in status(home, [])} == {"stopped"}
        start(home, [])
        found = status(home, [])
        neon.delete("project", project)
        assert status(home, []) == []
        neon.store.close()
    assert [(found.name.startswith(f"postgres/{project}-"), found.state) for found in found] == [
        (True, "running")
    ]
