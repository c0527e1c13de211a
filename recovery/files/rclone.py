"""
Copies a batch of objects with rclone, which hashes each one on its way.

Its `hasher` remote takes the SHA-256 and the MD5 of what passes and keeps them in a cache, which is read
after the batch: no object is read twice. Credentials go by environment; there is no configuration file.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import structlog

from recovery.files.places import COPIES
from recovery.files.source import Source
from recovery.vault.client import AccessKey
from recovery.vault.vault import Vault
from toolchain.failure import Failure

_HASHED: Final = re.compile(
    r"ok +md5:(?P<md5>[0-9a-f]{32}) sha256:(?P<sha256>[0-9a-f]{64}) +\S+ (?P<path>.+)"
)
_CHUNK: Final = "8Mi"
_TRANSFERS: Final = 8
_FAILED: Final = ("error", "critical")
_TOLD_CHARACTERS: Final = 300
_GRACE_SECONDS: Final = 10.0
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - for a folder that no one else can read
"""
Memory, where it is a folder, for the hashes of a batch, some 300 bytes an object: rclone writes
them to a database that waits for the disk twice for each object (lib/kv: bbolt's default).
"""

_log = structlog.get_logger("rclone")

_OWN: Final = ("RCLONE_", "BULWARK_", "PULUMI_")


@dataclass(frozen=True)
class Hashes:
    """Of the bytes of an object, on their way."""

    sha256: str
    md5: str


def copy(
    source: Source,
    vault: Vault,
    bucket: str,
    keys: Iterable[str],
    *,
    folder: Path,
    progress: Callable[[int], None],
) -> dict[str, Hashes]:
    """
    Copy objects of one bucket to their places; return the hashes of those that arrived.

    What did not arrive is missing in the answer, whatever the reason, of which the last is logged; it is
    copied one by one afterwards. `folder` is private to this batch; `progress` is told the bytes that came.

    Raises:
        Failure: where rclone can't be run, or says nothing that can be read.
    """
    names, why = folder / "names", ""
    names.write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    target = f"hashed:{bucket}"
    arguments = (
        *("copy", f"source:{bucket}", target, "--files-from-raw", str(names)),
        # All of them are new or changed; and a copy that is there already is no reason to look.
        *("--no-check-dest", "--metadata", "--retries", "1", "--low-level-retries", "10"),
        *("--transfers", str(_TRANSFERS), "--checkers", str(2 * _TRANSFERS), "--buffer-size", "1Mi"),
        *("--use-json-log", "--stats", "1s", "--stats-log-level", "NOTICE"),
    )
    in_memory = _MEMORY if os.access(_MEMORY, os.W_OK) else folder
    with tempfile.TemporaryDirectory(prefix="bulwark-files-", dir=in_memory) as cache:
        environment = _environment(source, vault, cache)
        with _running(arguments, environment) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            for told in _told(process.stdout):
                if stats := told.get("stats"):
                    progress(int(stats.get("bytes", 0)))
                elif told.get("level") in _FAILED:
                    why = str(told.get("msg"))[:_TOLD_CHARACTERS]
        if why:
            _log.warning("what rclone did not copy is copied one by one", bucket=bucket, why=why)
        return dict(_hashes(target, f"{vault.bucket}/{COPIES}{bucket}/", environment))


def version() -> str:
    """Return rclone's version."""
    ended = subprocess.run([_program(), "version"], capture_output=True, text=True, check=False)
    return ended.stdout.splitlines()[0].removeprefix("rclone v") if ended.stdout else "unknown"


def _program() -> str:
    """Find rclone: the wheel's beside this Python, else the one on PATH."""
    beside = Path(sys.executable).parent / "rclone"
    if found := str(beside) if beside.exists() else shutil.which("rclone"):
        return found
    raise Failure("rclone is not installed.", "remove .venv and run this again, which installs it.")


def _environment(source: Source, vault: Vault, cache: str) -> dict[str, str]:
    def remote(name: str, **options: str) -> dict[str, str]:
        return {f"RCLONE_CONFIG_{name}_{option}".upper(): value for option, value in options.items()}

    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    return {
        **kept,
        "RCLONE_CONFIG": "",  # none: everything is here
        "RCLONE_CACHE_DIR": cache,
        **remote(
            "source",
            type="s3",
            provider="Other",
            endpoint=source.endpoint,
            region=source.region,
            access_key_id=source.key.id,
            secret_access_key=source.key.secret,
        ),
        **remote(
            "vault",
            type="s3",
            provider="AWS",
            **_credentials(vault.key),
            region=vault.region,
            **({"endpoint": vault.endpoint, "force_path_style": "true"} if vault.endpoint else {}),
            no_check_bucket="true",
            # The vault's listing tells afterwards what arrived, a thousand objects a request.
            no_head="true",
            # Who writes may not read, is answered 403 whatever there is, and rclone then takes a folder with
            # nothing in it yet for a file: it would copy nothing into an empty vault.
            no_head_object="true",
            # Content-MD5 instead, which Object Lock asks for too: a checksum that comes after the body needs
            # TLS, and the twin has none.
            use_data_integrity_protections="false",
            use_unsigned_payload="true",
            upload_cutoff=_CHUNK,
            chunk_size=_CHUNK,
            upload_concurrency="2",
        ),
        **remote(
            "hashed",
            type="hasher",
            remote=f"vault:{vault.bucket}/{COPIES.rstrip('/')}",
            hashes="sha256,md5",
            max_age="off",
        ),
    }


def _credentials(key: AccessKey | None) -> dict[str, str]:
    if not key:
        return {"env_auth": "true"}
    return {"access_key_id": key.id, "secret_access_key": key.secret, "session_token": key.token}


@contextmanager
def _running(arguments: Iterable[str], environment: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    """
    Run rclone; it is ended on every way out.

    One whose parent was killed goes on for the rest of its batch: what it still copies is what a backup is to
    copy anyway.
    """
    process = subprocess.Popen(
        [_program(), *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        # A terminal's Ctrl-C is for this process, which then ends the other in its own time.
        start_new_session=True,
    )
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout:
            process.stdout.close()


def _told(output: IO[str]) -> Iterator[dict[str, Any]]:
    for line in output:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict):
            yield told


def _hashes(target: str, prefix: str, environment: dict[str, str]) -> Iterator[tuple[str, Hashes]]:
    with _running(("backend", "fulldump", target, "--log-level", "ERROR"), environment) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        for line in process.stdout:
            found = _HASHED.fullmatch(line.rstrip("\n"))
            if found and found["path"].startswith(prefix):
                yield found["path"].removeprefix(prefix), Hashes(found["sha256"], found["md5"])
