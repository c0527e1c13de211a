"""Reading, looking and listing: what comes out is what went in, or says that it is not."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from s3_server import Fault
from vaults import (
    PAGE,
    PART,
    Place,
)

from core.failure import Failure
from recovery.manifest import Stored
from recovery.vault import download
from recovery.vault.client import Damaged, Forbidden, Missing, client
from recovery.vault.vault import VaultClient

BODY = os.urandom(3 * PART + 5)
SHA256 = hashlib.sha256(BODY).hexdigest()


def stored(place: Place, body: bytes = BODY) -> Stored:
    return place.vault.store("dump", [body])


def taken(chunks: Iterator[bytes]) -> tuple[bytes, Failure | None]:
    """Return what a consumer got, and what was raised after that."""
    got = b""
    try:
        for chunk in chunks:
            got += chunk
    except Failure as failure:
        return got, failure
    return got, None


@pytest.mark.parametrize("percent", [0, 1, 50, 99])
def test_a_broken_connection_is_resumed_where_it_broke(place: Place, percent: int) -> None:
    what = stored(place)
    place.proxy.seen.clear()
    place.proxy.faults.append(Fault("GET", "dump", cut_answer=len(BODY) * percent // 100))
    assert taken(place.vault.read("dump", what.version, sha256=SHA256)) == (BODY, None)
    first, resumed = place.proxy.requests("GET", "dump")
    assert "range" not in first
    assert ("range" in resumed) == (percent > 0)


def test_many_breaks_are_resumed_as_long_as_there_is_progress(plain: Place) -> None:
    stored(plain)
    plain.proxy.faults.append(Fault("GET", "dump", times=12, cut_answer=(1 << 20) + 5))
    assert taken(plain.vault.read("dump", "", sha256=SHA256)) == (BODY, None)


def test_without_progress_it_ends(plain: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "_ATTEMPTS", 3)
    stored(plain)
    plain.proxy.faults.append(Fault("GET", "dump", times=10, cut_answer=1_000))
    got, failure = taken(plain.vault.read("dump", "", sha256=SHA256))
    assert got == b""
    assert "Reading dump in vault" in str(failure)
    assert "the connection broke each time" in str(failure)


@pytest.mark.parametrize("at", [0, len(BODY) // 2, len(BODY) - 1])
def test_a_flipped_bit_is_never_handed_out_as_a_whole_stream(place: Place, at: int) -> None:
    what = stored(place)
    place.proxy.faults.append(Fault("GET", "dump", damage_answer=at))
    got, failure = taken(place.vault.read("dump", what.version, sha256=SHA256))
    assert len(got) < len(BODY)
    assert isinstance(failure, Damaged)
    assert f"dump{f' (version {what.version})' if what.version else ''} in vault" in str(failure)
    assert "use another backup, or the other vault's copy" in str(failure)


def test_a_small_damaged_object_is_not_handed_out_at_all(plain: Place) -> None:
    stored(plain, b"document")
    plain.proxy.faults.append(Fault("GET", "dump", damage_answer=0))
    got, failure = taken(plain.vault.read("dump", "", sha256=hashlib.sha256(b"document").hexdigest()))
    assert (got, type(failure)) == (b"", Damaged)


def test_an_object_that_lost_its_end_in_the_vault_is_found_by_its_hash(plain: Place) -> None:
    stored(plain)
    plain.proxy.faults.append(Fault("GET", "dump", shorten_answer=len(BODY) - 1))
    got, failure = taken(plain.vault.read("dump", "", sha256=SHA256))
    assert len(got) < len(BODY) - 1
    assert isinstance(failure, Damaged)


def test_an_object_of_another_size_is_refused_before_its_first_byte(plain: Place) -> None:
    stored(plain)
    got, failure = taken(plain.vault.read("dump", "", expected_bytes=len(BODY) + 1))
    assert got == b""
    assert isinstance(failure, Damaged)
    assert f"it has {len(BODY):,} bytes, and {len(BODY) + 1:,} were stored" in str(failure)


def test_an_empty_object_is_checked_too(plain: Place) -> None:
    stored(plain, b"")
    assert taken(plain.vault.read("dump", "")) == (b"", None)
    assert isinstance(taken(plain.vault.read("dump", "", sha256=SHA256))[1], Damaged)


def test_a_vault_that_does_not_continue_where_asked_is_not_believed(locked: Place) -> None:
    stored(locked)
    locked.proxy.faults += [
        Fault("GET", "dump", cut_answer=2 * PART),
        Fault("GET", "dump", ignore_range=True),
    ]
    assert isinstance(taken(locked.vault.read("dump", "", sha256=SHA256))[1], Damaged)


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(plain: Place) -> None:
    stored(plain)
    chunks = plain.vault.read("dump", "", sha256=SHA256)
    plain.proxy.faults.append(Fault("GET", "dump", cut_answer=2 * PART))
    next(chunks)
    plain.raw.put_object(Bucket=plain.bucket, Key="dump", Body=bytes(len(BODY)))
    _, failure = taken(chunks)
    assert failure


def test_the_version_is_what_is_read_whatever_lies_over_it(locked: Place) -> None:
    what = stored(locked)
    locked.raw.put_object(Bucket=locked.bucket, Key="dump", Body=b"forged", ChecksumAlgorithm="SHA256")
    locked.raw.delete_object(Bucket=locked.bucket, Key="dump")
    assert taken(locked.vault.read("dump", what.version, sha256=SHA256)) == (BODY, None)
    assert locked.vault.head("dump", what.version).bytes == len(BODY)


def test_another_version_is_not_taken_for_the_one_that_was_stored(locked: Place) -> None:
    stored(locked)
    forged = locked.raw.put_object(
        Bucket=locked.bucket, Key="dump", Body=BODY[:-1] + b"x", ChecksumAlgorithm="SHA256"
    )
    got, failure = taken(locked.vault.read("dump", forged["VersionId"], sha256=SHA256))
    assert len(got) < len(BODY)
    assert isinstance(failure, Damaged)


@pytest.mark.parametrize(("key", "version"), [("nothing", ""), ("dump", "0" * 32)])
def test_what_is_missing_is_said_to_be(locked: Place, key: str, version: str) -> None:
    stored(locked, b"1")
    assert isinstance(taken(locked.vault.read(key, version))[1], Missing)
    with pytest.raises(Missing, match=f"Looking at {key}.* failed: it is not there"):
        locked.vault.head(key, version)


def test_under_a_delete_marker_the_newest_content_is_still_listed(locked: Place) -> None:
    what = stored(locked, b"1")
    marker = locked.raw.delete_object(Bucket=locked.bucket, Key="dump")
    (found,) = locked.vault.listed("")
    assert (found.key, found.version, found.bytes, found.latest) == ("dump", what.version, 1, False)
    with pytest.raises(Missing):
        locked.vault.head("dump")
    entries = list(locked.vault.listed("", versions=True))
    assert [(entry.marker, entry.latest) for entry in entries] == [(False, False), (True, True)]
    assert marker["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_forbidden_is_told_from_missing_and_from_expired(plain: Place) -> None:
    vault = VaultClient(client("us-east-1", plain.proxy.url, attempts=1), plain.bucket)
    plain.proxy.faults.append(Fault("HEAD", answer=(403, "AccessDenied")))
    with pytest.raises(Forbidden, match="Looking at k in vault"):
        vault.head("k")
    plain.proxy.faults.append(Fault("*", times=3, answer=(400, "ExpiredToken")))
    with pytest.raises(Failure, match="the credentials have expired"):
        vault.head("k")
    with pytest.raises(Missing):
        vault.head("k")


def test_a_bucket_that_is_not_there_is_told_from_an_object_that_is_not(moto_url: str) -> None:
    with pytest.raises(Failure, match="there is no such bucket") as raised:
        VaultClient(client("us-east-1", moto_url, attempts=1), "no-such-bucket").head("k")
    assert not isinstance(raised.value, Missing)


def test_more_than_a_page_is_listed(plain: Place, rclone_folder: Path) -> None:
    folder = rclone_folder / plain.bucket / "database"
    folder.mkdir()
    for number in range(1_203):
        (folder / f"{number:04}").write_bytes(b"x" * (number % 3))
    found = list(plain.vault.listed("database/"))
    assert [entry.key for entry in found] == [f"database/{number:04}" for number in range(1_203)]
    assert sum(entry.bytes for entry in found) == 1_203
    assert list(plain.vault.listed("elsewhere/")) == []


def test_more_than_a_page_of_versions_is_listed_once_each(locked: Place) -> None:
    def put(key: str) -> None:
        locked.raw.put_object(Bucket=locked.bucket, Key=key, Body=b"x", ChecksumAlgorithm="SHA256")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, [f"a/{number:03}" for number in range(40)] * 3))
    newest = list(locked.vault.listed("a/"))
    assert [entry.key for entry in newest] == [f"a/{number:03}" for number in range(40)]
    assert all(entry.latest for entry in newest)
    versions = [entry.version for entry in locked.vault.listed("a/", versions=True)]
    assert len(versions) == len(set(versions)) == 120 > PAGE
