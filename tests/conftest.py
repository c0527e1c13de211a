"""What every test can ask for."""

import gc
import os
import shutil
import signal
import ssl
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx._transports.default
import leftover_processes
import psutil
import pytest
import warm_python
from installations import Installation, make_installation, remove

from core.garbage_collection import collect_seldom
from toolchain.start import keep_bytecode

pytest_plugins = ["first_collection", "sampling", "sharing"]

__all__ = ["Installation", "make_installation", "remove"]

# Tests start PostgreSQL's programs; gRPC's handlers of fork() crash the child (grpc/grpc#29044).
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
# A tenth of an engine's CPU is Go's garbage collections, and hundreds of engines run.
os.environ.setdefault("GOGC", "400")

_MEMORY = Path("/dev/shm")  # noqa: S108 - what is in there is made by tempfile
_NEEDED_BYTES = 8 << 30
_FOLDER = pytest.StashKey[Path]()


@cache
def _default_context() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _find_context(*, verify: Any = True, cert: Any = None, trust_env: bool = True) -> ssl.SSLContext:
    """
    Return the TLS context of a client, where it is httpx's own always the same one.

    Each client, and each call of `httpx.get`, would read all authorities, also for an address without TLS:
    25 ms of a processor (encode/httpx#3473).
    """
    if verify is True and cert is None:
        return _default_context()
    return httpx.create_ssl_context(verify, cert, trust_env)


httpx._transports.default.create_ssl_context = _find_context  # noqa: SLF001 # pyrefly: ignore[bad-assignment] - no public way


def use_memory(config: pytest.Config) -> None:
    """
    Let temporary files be in memory if there is plenty.

    A PostgreSQL cluster with its base backup is 2,000 files, and a run makes and removes many. Without a
    journal, as in some virtual machines, ext4 steps over whatever was removed in the last minutes to make the
    next file (fs/ext4/ialloc.c, recently_deleted).
    """
    if "TMPDIR" in os.environ or not _MEMORY.is_dir():
        return
    free = (shutil.disk_usage(_MEMORY).free, psutil.virtual_memory().available)
    if min(free) < _NEEDED_BYTES:
        return
    for left in _MEMORY.glob("bulwark-tests-*-*"):
        # Of a run that failed, whose files could be looked at until now.
        if not psutil.pid_exists(int(left.name.split("-")[2])):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"bulwark-tests-{os.getpid()}-", dir=_MEMORY))
    config.stash[_FOLDER] = folder
    folder.chmod(0o711)  # an unprivileged PostgreSQL has its clusters in there
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)


_LEFT = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    gc.disable()  # until the tests are collected: all that is made for them stays
    if not hasattr(config, "workerinput"):
        # A shell without job control starts programs in the background so that they ignore interrupts; each
        # program that a test starts would ignore them too.
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        use_memory(config)
        leftover_processes.mark_this_process()
        keep_bytecode(os.environ, Path(sys.executable))


def pytest_collection_finish() -> None:
    """
    Leave what was collected out of Python's garbage collections, and have fewer of them.

    With thousands of tests each process holds a gigabyte, which every full collection would look through: a
    fifth of the time of a test of the policies.
    """
    gc.collect()
    gc.freeze()
    collect_seldom()
    gc.enable()


@pytest.hookimpl(trylast=True)  # after the workers have ended
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that leaves anything running, whatever its tests say."""
    warm_python.end_servers()
    if hasattr(session.config, "workerinput"):
        return
    session.config.stash[_LEFT] = left = leftover_processes.end_leftovers()
    if left:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    if session.exitstatus == pytest.ExitCode.OK and (folder := session.config.stash.get(_FOLDER, None)):
        shutil.rmtree(folder, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left := config.stash.get(_LEFT, []):
        terminalreporter.section("THIS RUN LEFT SOMETHING RUNNING, WHICH IS ENDED NOW", red=True, bold=True)
        for line in left:
            terminalreporter.line(line)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Give one test an installation of its own."""
    made = make_installation(tmp_path / "checkout")
    yield made
    remove(made)
