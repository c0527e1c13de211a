"""
Copies a batch of objects with rclone, which hashes each one on its way.

Its `hasher` remote takes the SHA-256 and the MD5 of what passes and keeps them in a cache, which is read
after the batch: no object is read twice. Credentials go by environment; there is no configuration file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeVar

import structlog
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as BrokenConnectionError
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from core.failure import Failure
from core.vault_layout import FILE_COPIES, file_copy
from recovery.files.manifest import FileEntry
from recovery.files.source import Listed, Source, explained
from recovery.vault.client import AccessKey, code
from recovery.vault.upload import MIB, StreamDigest, options_from_head
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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

_NOT_A_PATH: Final = re.compile(r"[\x00-\x1f\x7f]|//|^/|/$|(^|/)\.\.?(/|$)")


def is_plain(bucket: str, key: str) -> bool:
    """
    Tell whether rclone, to which keys are paths, copies this key to the key of its copy.

    It leaves out empty segments and follows dots, and its lists of names have a name a line.
    """
    return not _NOT_A_PATH.search(key) and file_copy(bucket, key).startswith(FILE_COPIES)


@dataclass(frozen=True)
class Hashes:
    """Of the bytes of an object, on their way."""

    sha256: str
    md5: str


def copy(
    source: Source,
    vault: VaultClient,
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
        return dict(_hashes(target, f"{vault.bucket}/{FILE_COPIES}{bucket}/", environment))


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


def _environment(source: Source, vault: VaultClient, cache: str) -> dict[str, str]:
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
            remote=f"vault:{vault.bucket}/{FILE_COPIES.rstrip('/')}",
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


_ATTEMPTS: Final = 5
_GONE: Final = frozenset(("NoSuchKey", "404"))


class _UnsteadyError(Exception):
    """The source's answer ended early, or was of another object than the one before."""


@dataclass
class _Read:
    """What was read of an object."""

    etag: str = ""
    bytes: int = 0
    md5: StreamDigest = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))


def copy_object(client: S3Client, source: Source, listed: Listed, vault: VaultClient) -> FileEntry | None:
    """
    Copy an object to its place; None where the source has it no more.

    One that changes meanwhile is copied as it is by then.

    Raises:
        Failure: for whatever keeps it from arriving, with the object's name.
    """
    name = f"{listed.key!r} of the bucket {listed.bucket}"
    try:
        with explained(f"Reading {name}"):
            return Retrying(
                retry=retry_if_exception_type(
                    (_UnsteadyError, BrokenConnectionError, HTTPClientError, IncompleteReadError)
                ),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_random_exponential(0.2, max=10),
            )(_copied, client, listed, vault)
    except RetryError:
        raise Failure(
            f"Reading {name} from {source.host} failed: the answer ended early each time.",
            "read that object by hand; without it there is no backup of the files.",
        ) from None


def _copied(client: S3Client, listed: Listed, vault: VaultClient) -> FileEntry | None:
    try:
        answer = client.get_object(Bucket=listed.bucket, Key=listed.key)
    except ClientError as error:
        if code(error) in _GONE:
            return None
        raise
    read = _Read(etag=answer.get("ETag", "").strip('"'))
    stored = vault.store(
        file_copy(listed.bucket, listed.key),
        _chunks(answer, read),
        expected_bytes=listed.bytes,
        how=options_from_head(answer),
    )
    etag = read.etag or listed.etag
    is_md5 = len(etag) == 32
    return FileEntry(
        bucket=listed.bucket,
        key=listed.key,
        version=stored.version,
        bytes=stored.bytes,
        sha256=stored.sha256,
        # One that has changed since it was listed is then listed with this etag, and the size that came.
        etag=etag,
        listed=listed.bytes if etag == listed.etag else read.bytes,
        modified=listed.modified if etag == listed.etag else answer.get("LastModified", listed.modified),
        locked_until=stored.locked_until,
        altered=(etag == listed.etag and read.bytes != listed.bytes)
        or (is_md5 and read.md5.hexdigest() != etag),
    )


def _chunks(answer: Any, read: _Read) -> Iterator[bytes]:
    body = answer["Body"]
    try:
        while chunk := body.read(MIB):
            read.bytes += len(chunk)
            read.md5.update(chunk)
            yield chunk
    finally:
        body.close()
    promised = answer.get("ContentLength")
    if promised is not None and promised != read.bytes:
        raise _UnsteadyError


AT_ONCE: Final = 16
"""Requests that run at once; as many connections as a client keeps."""

_WAITING: Final = 8 * AT_ONCE
_T = TypeVar("_T")
_R = TypeVar("_R")


def bounded_map(work: Callable[[_T], _R], things: Iterable[_T], at_once: int = AT_ONCE) -> Iterator[_R]:
    """Yield the result for each thing, in order; the first one that fails ends it, and what has not begun."""
    flying: deque[Future[_R]] = deque()
    with ThreadPoolExecutor(at_once, "spread") as pool:
        try:
            for thing in things:
                if len(flying) >= _WAITING:
                    yield flying.popleft().result()
                flying.append(pool.submit(work, thing))
            while flying:
                yield flying.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
