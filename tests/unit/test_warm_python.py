"""A program in a process that was forked from a warm one sees what it would see in a new one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psutil
import pytest
from import_graph import CHECKOUT
from warm_python import run_python, warm_plugins

pytestmark = pytest.mark.shares("warm-python")

Run = Callable[..., "subprocess.CompletedProcess[str]"]
PLUGIN_ARGUMENTS = ("127.0.0.1:1",)
PROGRAMS = {
    "arguments": ("import sys; print(sys.argv, sys.path[:2], sys.flags.safe_path)", "one", "--two=ä"),
    "environment": ("import os; print(sorted(os.environ.items()))",),
    "folder": ("import os, tempfile; print(os.getcwd(), tempfile.gettempdir())",),
    "own modules": ("import planted; print(planted.__file__)",),
    "input": ("import sys; print(repr(sys.stdin.read()), sys.stdin.isatty(), sys.stdout.isatty())",),
    "output": ("import sys; sys.stdout.write('é\\n'); sys.stderr.write('\\udc80é\\n')",),
    "exit code": ("import sys; sys.exit(7)",),
    "exit message": ("import sys; sys.exit('why')",),
    "exception": ("raise SystemExit from ValueError('x')",),
    "signal": ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)",),
    "interrupt": ("import signal; print(signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGCHLD))",),
    "end": (
        "import atexit, threading, time; atexit.register(print, 'at exit'); "
        "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start(); print('main')",
    ),
    "descriptors": ("import os; print(sorted(map(int, os.listdir('/proc/self/fd')))[:4])",),
    "children": (
        "import subprocess, sys; print(subprocess.run([sys.executable, '-c', 'import os; "
        "print(sorted(os.environ))'], capture_output=True, text=True).stdout)",
    ),
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "planted.py").touch()
    return {"PATH": os.defpath, "PYTHONPATH": str(tmp_path), "TMPDIR": str(tmp_path), "TZ": "Asia/Tokyo"}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_in_a_warm_process_ends_as_in_a_new_one(
    program: tuple[str, ...], environment: dict[str, str], tmp_path: Path
) -> None:
    arguments = ["-P", "-c", *program]
    warm = run_python(
        arguments, libraries="recovery", folder=tmp_path, environment=environment, timeout_seconds=60
    )
    new = subprocess.run(
        [sys.executable, *arguments],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (warm.returncode, warm.stdout, warm.stderr) == (new.returncode, new.stdout, new.stderr)


def test_a_warm_process_that_takes_too_long_is_killed(environment: dict[str, str], tmp_path: Path) -> None:
    program = "import time; print('begun', flush=True); time.sleep(60)"
    begun = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired) as expired:
        run_python(
            ["-P", "-c", program],
            libraries="recovery",
            folder=tmp_path,
            environment=environment,
            timeout_seconds=1,
        )
    assert expired.value.output == "begun\n"
    assert time.monotonic() - begun < 30


def test_what_python_reads_at_its_start_is_given_to_a_warm_process_too(
    environment: dict[str, str], tmp_path: Path
) -> None:
    ended = run_python(
        ["-P", "-c", "import sys; print(sys.flags.optimize, sys.stdout.encoding)"],
        libraries="recovery",
        folder=tmp_path,
        environment=environment | {"PYTHONOPTIMIZE": "1", "PYTHONIOENCODING": "iso8859-1"},
        timeout_seconds=60,
    )
    assert ended.stdout == "1 iso8859-1\n"


def list_plugins() -> list[str]:
    """Return the modules that an engine starts: of a vendor's plugin, and of each launcher."""
    launchers = (CHECKOUT / "toolchain" / "bin").iterdir()
    return sorted(
        {"twin.bridge_plugin", *(file.read_text().split(" -m ")[1].split()[0] for file in launchers)}
    )


@pytest.fixture(params=list_plugins())
def plugin_module(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def started(
    plugin_module: str, environment: dict[str, str], tmp_path: Path
) -> Generator["subprocess.Popen[str]"]:
    """Give a process as an engine starts a plugin, whose program a warm Python runs instead."""
    program = "import os, sys, time; sys.stdout.buffer.write(b'%d\\n' % os.getpid()); time.sleep(60)"
    module = tmp_path.joinpath(*plugin_module.split(".")).with_suffix(".py")
    module.parent.mkdir()
    module.write_text(program)
    warm_plugins(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", plugin_module, *PLUGIN_ARGUMENTS],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def test_a_plugin_runs_in_a_warm_process_and_keeps_the_place_of_its_own(
    plugin_module: str, started: "subprocess.Popen[str]"
) -> None:
    assert started.stdout
    plugin = psutil.Process(int(started.stdout.readline()))
    assert plugin.pid != started.pid
    assert psutil.Process(started.pid).cmdline()[2:] == ["-m", plugin_module, *PLUGIN_ARGUMENTS]
    plugin.terminate()
    assert started.wait(30) == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_plugin_ends_with_the_process_that_it_was_started_as(
    started: "subprocess.Popen[str]", number: signal.Signals
) -> None:
    assert started.stdout
    plugin = psutil.Process(int(started.stdout.readline()))
    started.send_signal(number)
    assert started.wait(30) == -number
    assert started.stdout.read() == ""  # what it held open is closed
    plugin.wait(30)
