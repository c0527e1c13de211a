"""Uploads into a vault: whole, create-only, locked, with a few parts in memory at most."""

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
    PART_BYTES,
    ProxiedVault,
)

from core.failure import Failure
from recovery.vault.client import Exists, create_client
from recovery.vault.vault import VaultClient

SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES + 7]


def stream(size: int, chunk: int = 300_007) -> Iterator[bytes]:
    source = random.Random(size)  # noqa: S311 - must be the same each time
    while size:
        taken = min(size, chunk)
        yield source.randbytes(taken)
        size -= taken


@pytest.mark.matrix(sample=4)
@pytest.mark.parametrize("size", SIZES)
def test_a_stored_object_is_read_back_unchanged(any_vault: ProxiedVault, size: int) -> None:
    stored = any_vault.client.store("database/daily/a b/ü.pgc", stream(size))
    whole = b"".join(stream(size))
    assert (stored.bytes, stored.sha256) == (size, hashlib.sha256(whole).hexdigest())
    assert any_vault.content(stored.key) == whole
    assert b"".join(any_vault.client.read(stored.key, stored.version, sha256=stored.sha256)) == whole
    assert any_vault.count_unfinished_uploads() == 0


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_version_and_lock_of_a_stored_object_are_the_vaults_own(
    locked_vault: ProxiedVault, size: int
) -> None:
    stored = locked_vault.client.store("k", stream(size))
    held = locked_vault.client.head("k", stored.version)
    assert stored.version == locked_vault.direct.head_object(Bucket=locked_vault.bucket, Key="k")["VersionId"]
    assert (stored.lock_mode, stored.locked_until) == ("GOVERNANCE", held.locked_until)
    assert stored.locked_until is not None
    assert stored.locked_until > datetime.now(UTC) + timedelta(days=LOCK_DAYS, minutes=-5)
    if size < PART_BYTES:
        assert held.sha256 == base64.b64encode(bytes.fromhex(stored.sha256)).decode()
    else:
        assert held.crc32


def test_chunks_may_be_empty_small_or_larger_than_parts(plain_vault: ProxiedVault) -> None:
    chunks = [b"", b"x", os.urandom(2 * PART_BYTES + 5), b"", b"yz"]
    stored = plain_vault.client.store("k", chunks)
    assert plain_vault.content("k") == b"".join(chunks)
    assert stored.bytes == 2 * PART_BYTES + 8


def test_the_progress_of_an_upload_grows_to_its_whole_size(plain_vault: ProxiedVault) -> None:
    progress: list[int] = []
    plain_vault.client.store("k", stream(6 * PART_BYTES), on_progress=progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == 6 * PART_BYTES


def test_uploads_name_checksums_and_the_condition_and_neither_encryption_nor_rights(
    locked_vault: ProxiedVault,
) -> None:
    locked_vault.client.store("large", stream(PART_BYTES + 1))
    locked_vault.client.put("small", b"{}")
    (small,) = locked_vault.proxy.requests("PUT", "small")
    parts = locked_vault.proxy.requests("PUT", "partNumber")
    (completion,) = locked_vault.proxy.requests("POST", "uploadId")
    assert len(parts) == 2
    assert all("content-md5" in part and "x-amz-checksum-crc32" in part for part in parts)
    assert "content-md5" in small
    assert (small["if-none-match"], completion["if-none-match"]) == ("*", "*")
    assert completion["x-amz-checksum-type"] == "FULL_OBJECT"
    for _, _, headers in locked_vault.proxy.recorded:
        assert not [name for name in headers if "encryption" in name or "acl" in name or "grant" in name]


def test_a_body_is_sent_as_it_is_over_tls_too() -> None:
    """By default botocore appends a checksum as a trailer, in an encoding of its own (aws-chunked)."""
    sent: list[AWSPreparedRequest] = []

    class CapturedError(Exception):
        pass

    def capture(request: AWSPreparedRequest, **_: Any) -> None:
        sent.append(request)
        raise CapturedError

    s3 = create_client("eu-central-1")
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


@pytest.mark.parametrize("size", [10, PART_BYTES + 1])
def test_a_taken_key_is_refused_before_its_content_is_lost_or_much_is_sent(
    any_vault: ProxiedVault, size: int
) -> None:
    earlier = any_vault.client.put("k", b"earlier")
    any_vault.proxy.recorded.clear()
    with pytest.raises(Exists, match="the key is taken, and what lies there was left as it is"):
        any_vault.client.store("k", stream(size))
    assert any_vault.content("k") == b"earlier"
    # A vault with versions refuses a small object itself, by the condition; any other vault is asked before.
    methods = {method for method, _, _ in any_vault.proxy.recorded}
    assert methods == ({"PUT", "HEAD"} if earlier.version and size < PART_BYTES else {"GET"})


def test_a_vault_that_ignores_the_condition_of_a_new_key_is_found_out(locked_vault: ProxiedVault) -> None:
    locked_vault.client.put("first", b"tells that there are versions")
    locked_vault.direct.put_object(
        Bucket=locked_vault.bucket, Key="k", Body=b"of another", ChecksumAlgorithm="SHA256"
    )
    locked_vault.proxy.faults.append(Fault("PUT", "/k", ignore_condition=True))
    with pytest.raises(Exists, match="the key is taken"):
        locked_vault.client.put_document("k", b"ours")
    assert [entry.bytes for entry in locked_vault.client.list_entries("k", versions=True)] == [4, 10]


def test_a_document_takes_two_requests_and_an_object_with_its_lock_three(locked_vault: ProxiedVault) -> None:
    assert locked_vault.client.read_lock()
    for store, count in ((locked_vault.client.put_document, 2), (locked_vault.client.put, 3)):
        locked_vault.proxy.recorded.clear()
        store(f"k{count}", b"{}")
        assert len(locked_vault.proxy.recorded) == count


@pytest.mark.parametrize("size", [10, 3 * PART_BYTES])
def test_a_key_that_is_taken_during_the_upload_is_left_as_it_is(
    locked_vault: ProxiedVault, size: int
) -> None:
    def chunks() -> Iterator[bytes]:
        yield from stream(size)
        locked_vault.direct.put_object(
            Bucket=locked_vault.bucket, Key="k", Body=b"of another", ChecksumAlgorithm="SHA256"
        )

    with pytest.raises(Exists):
        locked_vault.client.store("k", chunks())
    assert locked_vault.content("k") == b"of another"
    assert [entry.bytes for entry in locked_vault.client.list_entries("", versions=True)] == [
        len(b"of another")
    ]
    assert locked_vault.count_unfinished_uploads() == 0


@pytest.mark.parametrize("size", [10, 2 * PART_BYTES])
def test_a_lost_answer_is_no_failure_if_the_object_is_ours(any_vault: ProxiedVault, size: int) -> None:
    method, query = ("PUT", "/k") if size < PART_BYTES else ("POST", "uploadId")
    any_vault.proxy.faults.append(Fault(method, query, lose_answer=True))
    stored = any_vault.client.store("k", stream(size))
    assert any_vault.content("k") == b"".join(stream(size))
    assert [entry.version for entry in any_vault.client.list_entries("", versions=True)] == [stored.version]


_MEASURED = """
import json, sys
from pathlib import Path
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient

url, bucket, first, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
vault = VaultClient(create_client("us-east-1", url), bucket, part_bytes=first)
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
def test_an_upload_holds_a_few_parts_in_memory_and_large_ones_one_by_one(
    plain_vault: ProxiedVault, rclone_url: str, first_mib: int, parts: int
) -> None:
    size = 150 << 20
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURED, rclone_url, plain_vault.bucket, str(first_mib << 20), str(size)],
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
        create_client("us-east-1", "http://s3.example.org")


def test_the_vault_client_has_no_method_that_deletes() -> None:
    assert not [
        name for name in vars(VaultClient) if "delete" in name or "remove" in name or "overwrite" in name
    ]
