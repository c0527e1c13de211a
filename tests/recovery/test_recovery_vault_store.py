"""What is stored is whole, once, locked, and never more than a few parts in memory."""

import base64
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from s3_server import Fault, credentials
from vaults import (
    LOCK_DAYS,
    PART,
    Place,
)

from core.failure import Failure
from recovery.vault.client import Exists, client
from recovery.vault.vault import VaultClient

SIZES = [0, 1, PART - 1, PART, PART + 1, 3 * PART + 7]


def stream(size: int, chunk: int = 300_007) -> Iterator[bytes]:
    source = random.Random(size)  # noqa: S311 - must be the same each time
    while size:
        taken = min(size, chunk)
        yield source.randbytes(taken)
        size -= taken


@pytest.mark.parametrize("size", SIZES)
def test_what_goes_in_lies_there_and_comes_out(place: Place, size: int) -> None:
    stored = place.vault.store("database/daily/a b/ü.pgc", stream(size))
    whole = b"".join(stream(size))
    assert (stored.bytes, stored.sha256) == (size, hashlib.sha256(whole).hexdigest())
    assert place.content(stored.key) == whole
    assert b"".join(place.vault.read(stored.key, stored.version, sha256=stored.sha256)) == whole
    assert place.unfinished() == 0


@pytest.mark.parametrize("size", [10, 2 * PART])
def test_version_and_lock_are_what_the_vault_tells_of_them(locked: Place, size: int) -> None:
    stored = locked.vault.store("k", stream(size))
    held = locked.vault.head("k", stored.version)
    assert stored.version == locked.raw.head_object(Bucket=locked.bucket, Key="k")["VersionId"]
    assert (stored.lock_mode, stored.locked_until) == ("GOVERNANCE", held.locked_until)
    assert stored.locked_until is not None
    assert stored.locked_until > datetime.now(UTC) + timedelta(days=LOCK_DAYS, minutes=-5)
    if size < PART:
        assert held.sha256 == base64.b64encode(bytes.fromhex(stored.sha256)).decode()
    else:
        assert held.crc32


def test_chunks_may_be_empty_small_or_larger_than_parts(plain: Place) -> None:
    chunks = [b"", b"x", os.urandom(2 * PART + 5), b"", b"yz"]
    stored = plain.vault.store("k", chunks)
    assert plain.content("k") == b"".join(chunks)
    assert stored.bytes == 2 * PART + 8


def test_progress_grows_to_the_whole(plain: Place) -> None:
    told: list[int] = []
    plain.vault.store("k", stream(6 * PART), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 6 * PART


def test_uploads_name_checksums_and_the_condition_and_neither_encryption_nor_rights(locked: Place) -> None:
    locked.vault.store("large", stream(PART + 1))
    locked.vault.put("small", b"{}")
    (small,) = locked.proxy.requests("PUT", "small")
    parts = locked.proxy.requests("PUT", "partNumber")
    (completion,) = locked.proxy.requests("POST", "uploadId")
    assert len(parts) == 2
    assert all("content-md5" in part and "x-amz-checksum-crc32" in part for part in parts)
    assert "content-md5" in small
    assert (small["if-none-match"], completion["if-none-match"]) == ("*", "*")
    assert completion["x-amz-checksum-type"] == "FULL_OBJECT"
    for _, _, headers in locked.proxy.seen:
        assert not [name for name in headers if "encryption" in name or "acl" in name or "grant" in name]


def test_over_tls_too_a_body_is_sent_as_it_is() -> None:
    """Botocore would put a trailing checksum after it, in a coding of its own."""
    sent: list[AWSPreparedRequest] = []

    class CapturedError(Exception):
        pass

    def capture(request: AWSPreparedRequest, **_: Any) -> None:
        sent.append(request)
        raise CapturedError

    s3 = client("eu-central-1")
    s3.meta.events.register("before-send.s3", capture)
    with pytest.raises(CapturedError):
        s3.upload_part(
            Bucket="vault", Key="k", UploadId="u", PartNumber=1, Body=b"abc", ChecksumCRC32="NSRBwg=="
        )
    (request,) = sent
    assert request.url.startswith("https://vault.s3.eu-central-1.amazonaws.com/k")
    assert not {"x-amz-trailer", "content-encoding", "transfer-encoding"} & {
        n.lower() for n in request.headers
    }
    assert request.headers["Content-Length"] == "3"


@pytest.mark.parametrize("size", [10, PART + 1])
def test_a_taken_key_is_refused_before_anything_is_sent(place: Place, size: int) -> None:
    place.vault.put("k", b"earlier")
    place.proxy.seen.clear()
    with pytest.raises(Exists, match="the key is taken, and what lies there was left as it is"):
        place.vault.store("k", stream(size))
    assert place.content("k") == b"earlier"
    assert {method for method, _, _ in place.proxy.seen} == {"GET"}


@pytest.mark.parametrize("size", [10, 3 * PART])
def test_a_key_that_is_taken_during_the_upload_is_left_as_it_is(locked: Place, size: int) -> None:
    def chunks() -> Iterator[bytes]:
        yield from stream(size)
        locked.raw.put_object(Bucket=locked.bucket, Key="k", Body=b"of another", ChecksumAlgorithm="SHA256")

    with pytest.raises(Exists):
        locked.vault.store("k", chunks())
    assert locked.content("k") == b"of another"
    assert [entry.bytes for entry in locked.vault.listed("", versions=True)] == [len(b"of another")]
    assert locked.unfinished() == 0


@pytest.mark.parametrize("size", [10, 2 * PART])
def test_a_lost_answer_is_no_failure_if_the_object_is_ours(place: Place, size: int) -> None:
    method, query = ("PUT", "/k") if size < PART else ("POST", "uploadId")
    place.proxy.faults.append(Fault(method, query, lose_answer=True))
    stored = place.vault.store("k", stream(size))
    assert place.content("k") == b"".join(stream(size))
    assert [entry.version for entry in place.vault.listed("", versions=True)] == [stored.version]


_MEASURED = """
import json, sys
from pathlib import Path
from recovery.vault.vault import Vault
from recovery.vault.client import client

url, bucket, first, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
vault = Vault(client("us-east-1", url), bucket, part_bytes=first)
block = bytes(1 << 20)

# Not getrusage: a new program inherits its parent's maximum.
def peak_mib():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) >> 10

before = peak_mib()
stored = vault.store("k", (block for _ in range(size >> 20)))
read = sum(len(chunk) for chunk in vault.read("k", "", sha256=stored.sha256))
print(json.dumps([stored.bytes, read, before, peak_mib()]))
"""


@pytest.mark.parametrize(("first_mib", "parts"), [(16, 4), (96, 1)])
def test_a_few_parts_are_in_memory_and_large_ones_one_by_one(
    plain: Place, rclone_url: str, first_mib: int, parts: int
) -> None:
    size = 150 << 20
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURED, rclone_url, plain.bucket, str(first_mib << 20), str(size)],
        env={"PATH": os.defpath, **credentials()},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    stored, read, before, peak = json.loads(ended.stdout)
    assert (stored, read) == (size, size)
    assert peak - before < first_mib * parts * 9 / 8 + 16  # BytesIO takes an eighth more than it needs
    assert peak < 256


def test_an_endpoint_without_tls_is_refused_unless_it_is_this_machine() -> None:
    with pytest.raises(Failure, match=r"s3\.example\.org has no TLS"):
        client("us-east-1", "http://s3.example.org")


def test_nothing_here_deletes() -> None:
    assert not [
        name for name in vars(VaultClient) if "delete" in name or "remove" in name or "overwrite" in name
    ]
