"""
Runs a program as a new Python would, without the half second that its libraries take to import.

A test process keeps a server that has imported them, and forks for each call (warm_server.py). Environment,
folder, arguments and streams are the call's, and what is this project's is imported from where PYTHONPATH
says, each time. Only variables that a library reads when it is imported are the server's.

Commands that a test kills or looks at are new processes all the same (engine/interrupted_process.py,
recovery/command_process.py), and unit/test_warm_python.py and engine/test_life.py compare the two.

Plugins and policy packs of an installation's engines are forked as well (warm_start.py).
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Literal

from warm_server import LENGTH
from warm_start import select_read_at_start

Libraries = Literal["engine", "recovery"]
"""`recovery` has none of Pulumi's."""

_RECOVERY: Final = (
    *("asyncio", "botocore.handlers", "botocore.session", "botocore.signers", "concurrent.futures.thread"),
    *(
        "cronsim",
        "cryptography.hazmat.primitives.asymmetric.ec",
        "cryptography.x509",
        "cyclopts",
        "cyclopts.help",
    ),
    *("http.server", "httpx", "jinja2", "joserfc.jws", "joserfc.jwt", "multiprocessing", "psutil", "psycopg"),
    *("psycopg.types.range", "pydantic", "pydantic.main", "pydantic.type_adapter", "pyrage", "rich.progress"),
    *(
        "rich.status",
        "rich.table",
        "sqlite3",
        "tarfile",
        "tenacity",
        "xml.etree.ElementTree",
        "yaml",
        "zstandard",
    ),
)
_AWS: Final = ("cloudtrail", "cloudwatch", "iam", "kms", "s3", "secretsmanager", "sns")
_LIBRARIES: Final[dict[Libraries, tuple[str, ...]]] = {
    "recovery": _RECOVERY,
    "engine": (
        *_RECOVERY,
        *("pulumi.automation", "pulumi.dynamic", "pulumi_policy", "google.protobuf.json_format"),
        *("pulumi_aws", *(f"pulumi_aws.{name}" for name in _AWS)),
        *("pulumi_neon", "pulumi_pagerduty", "pulumi_railway", "pulumi_sentry", "pulumi_uptimerobot"),
        *("pulumi_vercel", "cyclopts.validators", "pydantic.root_model"),
    ),
}


def run_python(
    arguments: Sequence[str],
    *,
    libraries: Libraries,
    folder: Path,
    environment: Mapping[str, str],
    timeout_seconds: float,
) -> "subprocess.CompletedProcess[str]":
    """
    Run `python ARGUMENTS`, as warm_server.run takes them, without input.

    It is a new process where the environment has what a server can't give.

    Raises:
        subprocess.TimeoutExpired: it was killed after that time.
    """
    if select_read_at_start(environment) == select_read_at_start(os.environ):
        return _server(libraries).run(arguments, folder, environment, timeout_seconds)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def warm_plugins(folder: Path) -> None:
    """Have this process's server run an engine's plugins and policy packs, if PYTHONPATH has the folder."""
    call = f"hand_over({_server('engine').address!r}, {select_read_at_start(os.environ)!r})"
    source = Path(__file__).with_name("warm_start.py").read_text()
    (folder / "sitecustomize.py").write_text(f"{source}\n\n{call}\n")


def end_servers() -> None:
    """End the servers of this process, and wait for them."""
    while _servers:
        _servers.popitem()[1].end()


def _server(libraries: Libraries) -> "_Server":
    if libraries not in _servers:
        _servers[libraries] = _Server(_LIBRARIES[libraries])
    return _servers[libraries]


class _Server:
    def __init__(self, modules: Sequence[str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bulwark-warm-"))
        self.address = str(self._folder / "socket")
        self._process = subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("warm_server.py"), self.address, *modules],
            # gRPC's handlers of fork() crash the child (grpc/grpc#29044); it reads this when it is imported.
            env={
                **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
                "GRPC_ENABLE_FORK_SUPPORT": "0",
            },
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        assert self._process.stdout.readline() == "ready\n"

    def end(self) -> None:
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(
        self, arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_seconds: float
    ) -> "subprocess.CompletedProcess[str]":
        request = {"arguments": arguments, "folder": str(folder), "environment": dict(environment)}
        body = json.dumps(request).encode()
        pipes = [os.pipe() for _ in range(3)]
        ends = [os.open(os.devnull, os.O_RDONLY), *(written for _, written in pipes)]
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.address)
            socket.send_fds(connection, [LENGTH.pack(len(body))], ends)
            for end in ends:
                os.close(end)
            connection.sendall(body)
        out, err, answers = (os.fdopen(read, encoding="utf-8") for read, _ in pipes)
        with out, err, answers:
            pid = int(answers.readline())
            readers = [_Reader(file) for file in (out, err)]
            expiry = threading.Timer(timeout_seconds, os.kill, (pid, signal.SIGKILL))
            expiry.start()
            code = int(answers.readline())
            expired = expiry.finished.is_set()
            expiry.cancel()
            texts = [reader.text() for reader in readers]
        if expired and code == -signal.SIGKILL:
            raise subprocess.TimeoutExpired(list(arguments), timeout_seconds, *texts)
        return subprocess.CompletedProcess(list(arguments), code, *texts)


_servers: dict[Libraries, _Server] = {}


class _Reader:
    """Reads a stream to its end, while another one is read."""

    def __init__(self, file: IO[str]) -> None:
        self._text = ""
        self._thread = threading.Thread(target=self._read, args=(file,))
        self._thread.start()

    def _read(self, file: IO[str]) -> None:
        self._text = file.read()

    def text(self) -> str:
        self._thread.join()
        return self._text
