"""
A Python that has imported libraries, and forks a process for each program that it is asked to run.

`python -P warm_server.py SOCKET MODULE...` listens until its input ends; warm_python.py asks it. A request
gets a process that waits for the program, so that the server is there for the next one.
"""

import atexit
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import struct
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any, Final

LENGTH: Final = struct.Struct("!I")
"""Precedes a request. With it come the program's input, output and errors, and the pipe for the answer."""

_FILES: Final = 4


def serve(address: str) -> tuple[dict[str, Any], list[int]]:
    """Serve until the input ends; return a request, and its files, in the process that is to run it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                sys.exit()
            connection, _ = listener.accept()
            if not os.fork():
                break
            connection.close()
    request, files = _receive(connection)
    connection.close()
    pid = os.fork()
    if pid:
        _wait_for(pid, files)
    return request, files


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    header, files, _, _ = socket.recv_fds(connection, LENGTH.size, _FILES)
    with connection.makefile("rb") as reader:
        return json.loads(reader.read(*LENGTH.unpack(header))), files


def _wait_for(pid: int, files: list[int]) -> None:
    """Tell the id and the exit code of the process that runs the program, and exit."""
    *streams, answer = files
    for stream in streams:
        os.close(stream)
    _tell(answer, pid)
    _kill_with_reader(pid, answer)
    _tell(answer, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)  # what is registered to run at an exit is the program's


def _tell(answer: int, number: int) -> None:
    with suppress(BrokenPipeError):
        os.write(answer, f"{number}\n".encode())


def _kill_with_reader(pid: int, answer: int) -> None:
    """Wait for the program, and on Linux kill it if the process that asked for it has ended before."""
    if sys.platform != "linux":
        return  # a plugin sees that its engine has ended (core/engine_watch.py)
    ended = os.pidfd_open(pid)
    watch = select.poll()
    watch.register(ended, select.POLLIN)
    watch.register(answer, 0)  # reports that nobody reads the pipe any more
    if (ended, select.POLLIN) not in watch.poll():
        os.kill(pid, signal.SIGKILL)
    os.close(ended)


def become(request: dict[str, Any], files: list[int]) -> None:
    """Give this process the streams, the environment and the folder of a request."""
    for number, file in enumerate(files[:3]):
        os.dup2(file, number)
    os.closerange(3, max(files) + 1)
    os.environ.clear()
    os.environ.update(request["environment"])
    given = [os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if not given[0] and next(filter(None, given), "C") in {"C", "POSIX"}:
        os.environ["LC_CTYPE"] = "C.UTF-8"  # as Python does when it starts (PEP 538)
    os.chdir(request["folder"])
    # Python's own are those of the server. None of these is a terminal.
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.FileIO(0, closefd=False), "utf-8")
    sys.stdout = sys.__stdout__ = _open_for_writing(1, "strict", at_each_line=False)
    sys.stderr = sys.__stderr__ = _open_for_writing(2, "backslashreplace", at_each_line=True)
    time.tzset()
    tempfile.tempdir = None  # by the server's TMPDIR
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path[:0] = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if request.get("imports_from_folder"):
        sys.path.insert(0, request["folder"])
    importlib.invalidate_caches()


def _open_for_writing(file: int, errors: str, *, at_each_line: bool) -> io.TextIOWrapper:
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    raw = io.FileIO(file, "w", closefd=False)
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        "utf-8",
        errors,
        line_buffering=at_each_line or unbuffered,
        write_through=unbuffered,
    )


def run(arguments: list[str]) -> None:
    """Do what Python does with `-P -m MODULE ...` or `-P -c CODE ...`."""
    match arguments:
        case ["-P", "-m", name, *rest]:
            sys.argv = [name, *rest]
            runpy.run_module(name, run_name="__main__", alter_sys=True)
        case ["-P", "-c", code, *rest]:
            sys.argv = ["-c", *rest]
            exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - what `-c` means
        case _:
            raise ValueError(arguments)


def run_and_keep_code(arguments: list[str]) -> None:
    """Run a program, and keep the exit code that Python will end with."""
    try:
        run(arguments)
    except SystemExit as leaving:
        code = leaving.code or 0
        _codes.append(code if isinstance(code, int) else 1)
        raise
    except Exception:
        _codes.append(1)
        raise
    _codes.append(0)


_codes: list[int] = []


def end_at_once() -> None:
    """
    End where the exit code is known.

    Python would take apart all that the server has imported, and make copies of its memory by that: 0.1 s for
    each of a thousand programs. After an interrupt it ends by the signal.
    """
    if _codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_codes[0] & 0xFF)


if __name__ == "__main__":
    atexit.register(end_at_once)  # before all others, so that it is called after them
    for module in sys.argv[2:]:
        # Pulumi's SDKs import a module when it is first asked for something (pulumi/_utils.py, lazy_import).
        hasattr(importlib.import_module(module), "__all__")
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy all that it only looks at
    received, descriptors = serve(sys.argv[1])
    become(received, descriptors)
    run_and_keep_code(received["arguments"])
