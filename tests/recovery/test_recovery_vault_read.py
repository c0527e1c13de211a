"""Downloads, metadata and listings of a vault: what was stored, or a Failure."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from s3_server import Fault
from vaults import (
    PAGE_KEYS,
    PART_BYTES,
    ProxiedVault,
)

from core.documents import DocumentError
from core.failure import Failure
from recovery.manifest import StoredObject
from recovery.vault import download
from recovery.vault.client import Damaged, Forbidden, Missing, create_client
from recovery.vault.documents import read_body, read_document
from recovery.vault.vault import VaultClient

BODY = os.urandom(3 * PART_BYTES + 5)
SHA256 = hashlib.sha256(BODY).hexdigest()


def store_dump(vault: ProxiedVault, body: bytes = BODY) -> StoredObject:
    return vault.client.store("dump", [body])


def consume(chunks: Iterator[bytes]) -> tuple[bytes, Failure | None]:
    """Return the bytes of a stream, and the Failure that ended it."""
    got = b""
    try:
        for chunk in chunks:
            got += chunk
    except Failure as failure:
        return got, failure
    return got, None


@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_a_download_is_resumed_where_its_connection_broke(any_vault: ProxiedVault, percent: int) -> None:
    what = store_dump(any_vault)
    any_vault.proxy.recorded.clear()
    any_vault.proxy.faults.append(Fault("GET", "dump", cut_answer=len(BODY) * percent // 100))
    assert consume(any_vault.client.read("dump", what.version, sha256=SHA256)) == (BODY, None)
    first, resumed = any_vault.proxy.requests("GET", "dump")
    assert "range" not in first
    assert ("range" in resumed) == (percent > 0)


def test_a_download_is_resumed_as_long_as_there_is_progress(plain_vault: ProxiedVault) -> None:
    store_dump(plain_vault)
    plain_vault.proxy.faults.append(Fault("GET", "dump", times=12, cut_answer=(1 << 20) + 5))
    assert consume(plain_vault.client.read("dump", "", sha256=SHA256)) == (BODY, None)


def test_a_download_without_progress_fails(
    plain_vault: ProxiedVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", 3)
    store_dump(plain_vault)
    plain_vault.proxy.faults.append(Fault("GET", "dump", times=10, cut_answer=1_000))
    got, failure = consume(plain_vault.client.read("dump", "", sha256=SHA256))
    assert got == b""
    assert "Reading dump in vault" in str(failure)
    assert "the connection broke each time" in str(failure)


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize("at", [0, len(BODY) // 2, len(BODY) - 1])
def test_a_flipped_bit_is_never_handed_out_as_a_whole_stream(any_vault: ProxiedVault, at: int) -> None:
    what = store_dump(any_vault)
    any_vault.proxy.faults.append(Fault("GET", "dump", damage_answer=at))
    got, failure = consume(any_vault.client.read("dump", what.version, sha256=SHA256))
    assert len(got) < len(BODY)
    assert isinstance(failure, Damaged)
    assert f"dump{f' (version {what.version})' if what.version else ''} in vault" in str(failure)
    assert "use another backup, or the other vault's copy" in str(failure)


def test_a_small_damaged_object_is_not_handed_out_at_all(plain_vault: ProxiedVault) -> None:
    store_dump(plain_vault, b"document")
    plain_vault.proxy.faults.append(Fault("GET", "dump", damage_answer=0))
    got, failure = consume(
        plain_vault.client.read("dump", "", sha256=hashlib.sha256(b"document").hexdigest())
    )
    assert (got, type(failure)) == (b"", Damaged)


def test_an_object_that_lost_its_end_in_the_vault_is_found_by_its_hash(plain_vault: ProxiedVault) -> None:
    store_dump(plain_vault)
    plain_vault.proxy.faults.append(Fault("GET", "dump", shorten_answer=len(BODY) - 1))
    got, failure = consume(plain_vault.client.read("dump", "", sha256=SHA256))
    assert len(got) < len(BODY) - 1
    assert isinstance(failure, Damaged)


def test_an_object_of_another_size_is_refused_before_its_first_byte(plain_vault: ProxiedVault) -> None:
    store_dump(plain_vault)
    got, failure = consume(plain_vault.client.read("dump", "", expected_bytes=len(BODY) + 1))
    assert got == b""
    assert isinstance(failure, Damaged)
    assert f"it has {len(BODY):,} bytes, and {len(BODY) + 1:,} were stored" in str(failure)


def test_an_empty_object_is_checked_too(plain_vault: ProxiedVault) -> None:
    store_dump(plain_vault, b"")
    assert consume(plain_vault.client.read("dump", "")) == (b"", None)
    assert isinstance(consume(plain_vault.client.read("dump", "", sha256=SHA256))[1], Damaged)


def test_a_vault_that_does_not_continue_where_asked_is_not_believed(locked_vault: ProxiedVault) -> None:
    store_dump(locked_vault)
    locked_vault.proxy.faults += [
        Fault("GET", "dump", cut_answer=2 * PART_BYTES),
        Fault("GET", "dump", ignore_range=True),
    ]
    assert isinstance(consume(locked_vault.client.read("dump", "", sha256=SHA256))[1], Damaged)


def test_an_object_that_is_replaced_during_its_download_is_a_failure(plain_vault: ProxiedVault) -> None:
    store_dump(plain_vault)
    chunks = plain_vault.client.read("dump", "", sha256=SHA256)
    plain_vault.proxy.faults.append(Fault("GET", "dump", cut_answer=2 * PART_BYTES))
    next(chunks)
    plain_vault.direct.put_object(Bucket=plain_vault.bucket, Key="dump", Body=bytes(len(BODY)))
    _, failure = consume(chunks)
    assert failure


def test_a_version_is_read_whatever_was_put_over_it(locked_vault: ProxiedVault) -> None:
    what = store_dump(locked_vault)
    locked_vault.direct.put_object(
        Bucket=locked_vault.bucket, Key="dump", Body=b"forged", ChecksumAlgorithm="SHA256"
    )
    locked_vault.direct.delete_object(Bucket=locked_vault.bucket, Key="dump")
    assert consume(locked_vault.client.read("dump", what.version, sha256=SHA256)) == (BODY, None)
    assert locked_vault.client.head("dump", what.version).bytes == len(BODY)


def test_what_is_put_over_an_object_does_not_hide_the_first_version_of_it(locked_vault: ProxiedVault) -> None:
    first = locked_vault.client.put("a/manifest.json", b"first")
    other = locked_vault.client.put("b/manifest.json", b"other")
    for _ in range(2):
        locked_vault.direct.put_object(
            Bucket=locked_vault.bucket, Key="a/manifest.json", Body=b"forged", ChecksumAlgorithm="SHA256"
        )
    locked_vault.direct.delete_object(Bucket=locked_vault.bucket, Key="a/manifest.json")
    found = [(entry.key, entry.version) for entry in locked_vault.client.list_originals("")]
    assert found == [("a/manifest.json", first.version), ("b/manifest.json", other.version)]


def test_another_version_is_not_taken_for_the_one_that_was_stored(locked_vault: ProxiedVault) -> None:
    store_dump(locked_vault)
    forged = locked_vault.direct.put_object(
        Bucket=locked_vault.bucket, Key="dump", Body=BODY[:-1] + b"x", ChecksumAlgorithm="SHA256"
    )
    got, failure = consume(locked_vault.client.read("dump", forged["VersionId"], sha256=SHA256))
    assert len(got) < len(BODY)
    assert isinstance(failure, Damaged)


@pytest.mark.parametrize(("key", "version"), [("nothing", ""), ("dump", "0" * 32)])
def test_a_missing_object_or_version_is_reported(locked_vault: ProxiedVault, key: str, version: str) -> None:
    store_dump(locked_vault, b"1")
    assert isinstance(consume(locked_vault.client.read(key, version))[1], Missing)
    with pytest.raises(Missing, match=f"Looking at {key}.* failed: it is not there"):
        locked_vault.client.head(key, version)


def test_under_a_delete_marker_the_newest_content_is_still_listed(locked_vault: ProxiedVault) -> None:
    what = store_dump(locked_vault, b"1")
    marker = locked_vault.direct.delete_object(Bucket=locked_vault.bucket, Key="dump")
    (found,) = locked_vault.client.list_entries("")
    assert (found.key, found.version, found.bytes, found.is_latest) == ("dump", what.version, 1, False)
    with pytest.raises(Missing):
        locked_vault.client.head("dump")
    entries = list(locked_vault.client.list_entries("", versions=True))
    assert [(entry.is_delete_marker, entry.is_latest) for entry in entries] == [(False, False), (True, True)]
    assert marker["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_forbidden_missing_and_expired_are_told_apart(plain_vault: ProxiedVault) -> None:
    vault = VaultClient(create_client("us-east-1", plain_vault.proxy.url, attempts=1), plain_vault.bucket)
    plain_vault.proxy.faults.append(Fault("HEAD", answer=(403, "AccessDenied")))
    with pytest.raises(Forbidden, match="Looking at k in vault"):
        vault.head("k")
    plain_vault.proxy.faults.append(Fault("*", times=3, answer=(400, "ExpiredToken")))
    with pytest.raises(Failure, match="the credentials have expired"):
        vault.head("k")
    with pytest.raises(Missing):
        vault.head("k")


def test_a_missing_bucket_is_told_apart_from_a_missing_object(moto_url: str) -> None:
    with pytest.raises(Failure, match="there is no such bucket") as raised:
        VaultClient(create_client("us-east-1", moto_url, attempts=1), "no-such-bucket").head("k")
    assert not isinstance(raised.value, Missing)


def test_a_listing_of_several_pages_is_complete(plain_vault: ProxiedVault, rclone_folder: Path) -> None:
    folder = rclone_folder / plain_vault.bucket / "database"
    folder.mkdir()
    for number in range(1_203):
        (folder / f"{number:04}").write_bytes(b"x" * (number % 3))
    found = list(plain_vault.client.list_entries("database/"))
    assert [entry.key for entry in found] == [f"database/{number:04}" for number in range(1_203)]
    assert sum(entry.bytes for entry in found) == 1_203
    assert list(plain_vault.client.list_entries("elsewhere/")) == []


def test_a_listing_of_several_pages_has_each_version_once(locked_vault: ProxiedVault) -> None:
    def put(key: str) -> None:
        locked_vault.direct.put_object(
            Bucket=locked_vault.bucket, Key=key, Body=b"x", ChecksumAlgorithm="SHA256"
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [f"a/{number:03}" for number in range(40)] * 3))
    newest = list(locked_vault.client.list_entries("a/"))
    assert [entry.key for entry in newest] == [f"a/{number:03}" for number in range(40)]
    assert all(entry.is_latest for entry in newest)
    versions = [entry.version for entry in locked_vault.client.list_entries("a/", versions=True)]
    assert len(versions) == len(set(versions)) == 120 > PAGE_KEYS


def test_a_document_above_its_largest_size_is_not_downloaded(any_vault: ProxiedVault) -> None:
    stored = any_vault.client.put("manifest.json", b"[" * 1_000)
    [entry] = any_vault.client.list_entries("manifest.json")
    for document in (stored, entry):
        any_vault.proxy.recorded.clear()
        with pytest.raises(DocumentError, match="has 1,000 bytes"):
            read_body(any_vault.client, document, max_bytes=999)
        assert any_vault.proxy.recorded == []
        assert read_body(any_vault.client, document, max_bytes=1_000) == b"[" * 1_000
        with pytest.raises(DocumentError, match="no JSON"):
            read_document(any_vault.client, document, StoredObject)


def test_a_document_of_another_size_than_its_listing_said_is_refused(any_vault: ProxiedVault) -> None:
    stored = any_vault.client.put("manifest.json", b"[" * 1_000)
    with pytest.raises(Damaged, match="it has 1,000 bytes, and 5 were stored"):
        read_body(any_vault.client, stored.model_copy(update={"bytes": 5}))
