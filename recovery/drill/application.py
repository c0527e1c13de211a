"""Starts the platform's own program against a recovered database, and waits for its health."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import httpx
import psutil

from recovery.drill.place import MARK
from recovery.drill.terms import Application
from toolchain.failure import Failure

_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH")
_POLL_SECONDS: Final = 0.05
_GRACE_SECONDS: Final = 5.0


@contextmanager
def healthy(application: Application, database_url: str, *, scope: str) -> Generator[str]:
    """
    Start the program in this folder, wait until its health is green, and end it with the block.

    Gives the address that answered 200. Of this process's environment the program gets only what any program
    needs; with it, the database's address and PORT.

    Raises:
        Failure: it can't be started, ends by itself, or is not healthy in time.
    """
    port = _free_port()
    url = application.health.replace("{port}", str(port))
    command = [part.replace("{port}", str(port)) for part in application.command]
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= {application.database_variable: database_url, "PORT": str(port), MARK: scope}
    try:
        running = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        raise Failure(
            f"The platform's program {command[0]} can't be started: {error.strerror}.",
            "correct drill.application.command in the stack's settings.",
        ) from error
    try:
        _await(running, url, application.ready_within_seconds)
        yield url
    finally:
        _end(running)


def leftovers(scope: str) -> list[psutil.Process]:
    """Return the processes that drills of this scope have left running."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(MARK) == scope and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def _await(running: subprocess.Popen[bytes], url: str, patience_seconds: float) -> None:
    deadline = time.monotonic() + patience_seconds
    last = "it did not answer"
    with httpx.Client(timeout=5, trust_env=False) as client:
        while time.monotonic() < deadline:
            if (code := running.poll()) is not None:
                last = f"the program ended with exit code {code}"
                break
            try:
                answer = client.get(url)
            except httpx.HTTPError:
                time.sleep(_POLL_SECONDS)
                continue
            if answer.status_code == 200:
                return
            last = f"it answered {answer.status_code}"
            time.sleep(_POLL_SECONDS)
    raise Failure(
        f"The platform is not healthy on the recovered database: {last} within {patience_seconds:g} s.",
        "start it by hand against a restored copy and look at what it says.",
    )


def _end(running: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGTERM)
    try:
        running.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]
