"""
A sandboxed program reaches nothing of whoever started it, and does not outlive a caller that was killed.

Each test runs as the tests' user and, where that is root, as an ordinary user as well. Where the system
allows neither another user nor a namespace, the tests that need them are skipped and say so.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest

from core.failure import Failure
from core.sandbox import Isolation, SystemUser, find_isolation, require_isolation

NOBODY = (65534, 65534)
SYSTEM_PYTHON = "/usr/bin/python3"
CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Caller:
    """Whoever starts sandboxed programs, with a folder and a secret in the environment."""

    user: int
    folder: Path
    python: str
    secret: str
    """In its environment and in a file that nobody else may read."""

    def arguments(self, *command: str, **options: Any) -> dict[str, Any]:
        return {
            "args": [
                self.python,
                self.folder / "sandbox_driver.py",
                self.folder,
                json.dumps({"command": command, "account": self.account, **options}),
            ],
            "env": {"PATH": os.defpath, "SECRET": self.secret},
            "user": self.user,
            "group": self.user or None,
            "extra_groups": [] if self.user else None,
            "text": True,
        }

    @property
    def account(self) -> tuple[int, int] | None:
        return None if self.user else NOBODY

    def run(self, *command: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            **self.arguments(*command, **options), capture_output=True, check=False, timeout=60
        )


@pytest.fixture(params=["this user", "an ordinary user"])
def caller(request: pytest.FixtureRequest) -> Generator[Caller]:
    """Give the tests' user and, where that is root, an ordinary one."""
    user, python = os.geteuid(), sys.executable
    if request.param == "an ordinary user":
        if user != 0:
            pytest.skip("the tests' own user is an ordinary one")
        user, python = 1_234, SYSTEM_PYTHON
        if subprocess.run([python, "-c", "import tomllib"], capture_output=True, check=False).returncode:
            pytest.skip(f"an ordinary user needs Python 3.11 at {python}")
    with TemporaryDirectory(prefix="bulwark-sandbox-") as name:
        folder, secret = Path(name), f"planted-{token_hex()}"
        shutil.copytree(CHECKOUT / "core", folder / "core", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(Path(__file__).with_name("sandbox_driver.py"), folder)
        (folder / "private").write_text(secret)
        (folder / "private").chmod(0o600)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)
        folder.chmod(0o755)
        yield Caller(user, folder, python, secret)


@pytest.fixture
def sandboxed(caller: Caller) -> Caller:
    """Give a caller that can make namespaces."""
    probe = caller.run("true", namespaces=True)
    if probe.returncode == 125:
        pytest.skip(f"this machine allows no namespaces: {probe.stdout.strip()}")
    return caller


def test_sandboxed_program_has_its_environment_alone(sandboxed: Caller) -> None:
    ended = sandboxed.run("env")
    assert "GIVEN=yes" in ended.stdout
    assert sandboxed.secret not in ended.stdout


def test_sandboxed_program_sees_no_other_process(sandboxed: Caller) -> None:
    """Its own, what leads the sandbox, and nothing whose environment has the caller's secrets."""
    ended = sandboxed.run("sh", "-c", "ls /proc; cat /proc/[0-9]*/environ 2>&1")
    numbers = [word for word in ended.stdout.split() if word.isdigit()]
    assert numbers
    assert len(numbers) <= 4
    assert sandboxed.secret not in ended.stdout


def test_sandboxed_program_reaches_no_file_of_the_caller(sandboxed: Caller) -> None:
    """Neither the caller's own files nor the homes, the temporary files and the sockets of the machine."""
    private = sandboxed.folder / "private"
    ended = sandboxed.run(
        "sh", "-c", f"cat {private}; ls /root /home /run /var /sys; ls -A /tmp /etc; exit 7"
    )
    assert ended.returncode == 7
    assert sandboxed.secret not in ended.stdout
    lines = ended.stdout.splitlines()
    found = {line for line in lines if line and not line.startswith(("cat:", "ls:", "/"))}
    assert found <= {"passwd", "group", "nsswitch.conf", "localtime", "ld.so.cache", "alternatives"}


def test_sandboxed_program_reaches_what_it_is_given(sandboxed: Caller) -> None:
    """A folder to read stays as it is, and one to write to is the caller's."""
    for name in ("read", "write"):
        (sandboxed.folder / name).mkdir()
        (sandboxed.folder / name).chmod(0o777)
        (sandboxed.folder / name / "old").write_text("content")
    read, write = sandboxed.folder / "read", sandboxed.folder / "write"
    command = f"cat {read}/old; touch {read}/new; touch {write}/new; touch /usr/new"
    ended = sandboxed.run("sh", "-c", command, readable=[str(read)], writable=[str(write)])
    assert ended.stdout.startswith("content")
    assert sorted(path.name for path in read.iterdir()) == ["old"]
    assert sorted(path.name for path in write.iterdir()) == ["new", "old"]
    assert not Path("/usr/new").exists()


@pytest.mark.parametrize("own_network", [True, False])
def test_sandboxed_program_reaches_a_network_only_where_it_is_given(
    sandboxed: Caller, own_network: bool
) -> None:
    ended = sandboxed.run("cat", "/proc/net/dev", own_network=own_network)
    interfaces = [line.split(":")[0].strip() for line in ended.stdout.splitlines()[2:]]
    assert (interfaces == ["lo"]) is (own_network or _interfaces() == ["lo"])
    assert _reads_loopback(sandboxed, own_network=own_network) is not own_network


def test_sandboxed_program_has_no_rights_and_gets_none(sandboxed: Caller) -> None:
    """No capability, no set-user-id program, no mount, and no namespace in which it would have them."""
    ended = sandboxed.run("sh", "-c", "id -u; grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status")
    user, *rights = ended.stdout.splitlines()
    assert int(user) == (sandboxed.user or NOBODY[0])
    assert [line.split()[1] for line in rights] == [*["0" * 16] * 4, "1"]
    for command in ("mount -t tmpfs x /tmp", "umount /proc", "unshare -m umount /proc"):
        assert sandboxed.run("sh", "-c", command).returncode != 0
    if sandboxed.user:
        assert sandboxed.run("unshare", "-U", "true").returncode != 0


def test_other_user_reads_no_secret_of_the_caller(caller: Caller) -> None:
    """Where root can make no namespace, the other user is enough to keep environment and files."""
    if caller.user:
        pytest.skip("an ordinary user can't change users")
    script = f"id -u; cat {caller.folder}/private /proc/[0-9]*/environ 2>/dev/null"
    ended = caller.run("sh", "-c", script, namespaces=False)
    assert ended.stdout.startswith(f"{NOBODY[0]}\n")
    assert caller.secret not in ended.stdout


def test_caller_hides_its_environment_from_its_own_user(caller: Caller) -> None:
    """Without any separation, too, the process that holds the secrets can't be read."""
    if not caller.user:
        pytest.skip("root reads every process")
    ended = caller.run("sh", "-c", "cat /proc/$(ps -o ppid= -p $PPID)/environ; exit 7", namespaces=False)
    hidden = caller.run("sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'", namespaces=False)
    assert ended.returncode == 7
    assert caller.secret not in ended.stdout + hidden.stdout


@pytest.mark.parametrize("namespaces", [True, False])
def test_sandboxed_program_ends_with_a_caller_that_is_killed(caller: Caller, namespaces: bool) -> None:
    if namespaces and caller.run("true", namespaces=True).returncode == 125:
        pytest.skip("this machine allows no namespaces")
    marker = f"{40_000 + os.getpid()}.{int(namespaces)}{caller.user}"
    script = f"sleep {marker} & exec sleep {marker}" if namespaces else f"exec sleep {marker}"
    arguments = caller.arguments("sh", "-c", script, namespaces=namespaces, forever=True)
    with subprocess.Popen(**arguments, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        assert wait_until(lambda: bool(find(marker)))
        process.send_signal(signal.SIGKILL)
        assert wait_until(lambda: not find(marker))


def test_program_that_is_let_go_outlives_its_caller(caller: Caller) -> None:
    marker = f"{50_000 + os.getpid()}.{caller.user}"
    try:
        arguments = caller.arguments("sleep", marker, let_go=True)
        ended = subprocess.run(**arguments, stdout=subprocess.DEVNULL, check=False, timeout=60)
        assert ended.returncode == 0
        assert wait_until(lambda: len(find(marker)) == 1)
        time.sleep(0.2)
        assert len(find(marker)) == 1
    finally:
        for process in find(marker):
            process.kill()


def test_launcher_ends_with_the_programs_exit_code(caller: Caller) -> None:
    assert caller.run("sh", "-c", "exit 42").returncode == 42
    assert caller.run("sh", "-c", "kill -9 $$").returncode == 137
    assert caller.run("/no/such/program").returncode == 127


def test_without_separation_it_is_refused_unless_accepted() -> None:
    with pytest.raises(Failure, match=r"--unsandboxed"):
        require_isolation(Isolation(None, namespaces=False), unsandboxed=False)
    require_isolation(Isolation(None, namespaces=False), unsandboxed=True)
    require_isolation(Isolation(SystemUser(*NOBODY), namespaces=False), unsandboxed=False)
    require_isolation(Isolation(None, namespaces=True), unsandboxed=False)
    assert find_isolation(SystemUser(*NOBODY)).account == (SystemUser(*NOBODY) if os.geteuid() == 0 else None)


def find(marker: str) -> list[psutil.Process]:
    """Return the processes that run `sleep` with this argument."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline", "status"])
        if process.info["name"] == "sleep" and marker in (process.info["cmdline"] or [])
    ]


def wait_until(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _interfaces() -> list[str]:
    return sorted(psutil.net_if_addrs())


def _reads_loopback(caller: Caller, *, own_network: bool) -> bool:
    """Return whether a sandboxed program can connect to a server of this machine."""
    import socket  # noqa: PLC0415

    script = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=5)"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        return caller.run(SYSTEM_PYTHON, "-c", script, port, own_network=own_network).returncode == 0
