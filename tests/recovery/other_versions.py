"""PostgreSQL servers of other versions, where this machine has them."""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from clusters import wait_until
from servers import PASSWORD

from postgres_server.install import Installation

SERVERS_VARIABLE: Final = "BULWARK_TEST_POSTGRES"
"""Folders, separated by colons, that hold the `bin` of other versions, beside those of Debian's packages."""

_PACKAGES: Final = "usr/lib/postgresql/*"


def find_servers() -> dict[int, Path]:
    """Return the folders of the server's programs by the major version, oldest first."""
    given = [Path(folder) for folder in os.environ.get(SERVERS_VARIABLE, "").split(":") if folder]
    found: dict[int, Path] = {}
    for folder in (*given, *Path("/").glob(_PACKAGES)):
        if (folder / "bin" / "postgres").exists():
            version = subprocess.run(
                [folder / "bin" / "postgres", "--version"], capture_output=True, text=True, check=True
            ).stdout
            if match := re.search(r"\) (\d+)", version):
                found[int(match[1])] = folder / "bin"
    return dict(sorted(found.items()))


def _start(
    run: "Callable[..., subprocess.Popen[bytes]]", data: Path, root: Path
) -> "tuple[int, subprocess.Popen[bytes]]":
    """Return the port of a server that is ready, and its process. Others may have a port that is drawn."""
    ready = data / "postmaster.pid"
    for _ in range(10):
        port = 20_000 + secrets.randbelow(10_000)
        server = run(
            "postgres",
            *("-D", str(data), "-p", str(port), "-k", str(root), "-c", "listen_addresses=127.0.0.1"),
            *("-c", "fsync=off"),
        )
        wait_until(
            lambda server=server: (
                server.poll() is not None or (ready.exists() and "ready" in ready.read_text())
            ),
            120,
        )
        if server.poll() is None:
            return port, server
    raise AssertionError(f"no server starts in {data}")


@contextmanager
def run_server(programs: Path) -> Generator[str]:
    """Run a server of these programs; give the superuser's URL of its database `postgres`."""
    account = Installation.find(Path(tempfile.gettempdir())).account
    root = Path(tempfile.mkdtemp(prefix="bulwark-test-"))
    data, password = root / "data", root / "password"
    password.write_text(PASSWORD)
    if account:
        for path in (root, password):
            os.chown(path, account.pw_uid, account.pw_gid)

    def run(program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [programs / program, *arguments],
            cwd=root,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            user=account.pw_uid if account else None,
            group=account.pw_gid if account else None,
            extra_groups=[] if account else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    try:
        made = run(
            "initdb",
            *("--pgdata", str(data), "--username", "postgres", "--pwfile", str(password), "--no-sync"),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"),
        )
        assert made.wait(120) == 0
        port, server = _start(run, data, root)
        try:
            yield f"postgresql://postgres:{PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(60)
    finally:
        shutil.rmtree(root)
