"""A backup of files that reads the source's objects from an S3 Inventory, in AWS's documented format."""

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest
from file_stores import FileStore, ProxiedVault, store

from core.failure import Failure
from recovery import catalogue
from recovery.files.manifest import FilesManifest
from recovery.files.source import InventoryAddress

__all__ = ["ProxiedVault", "store"]

HOUR = timedelta(hours=1)
SCHEMA = "Bucket, Key, Size, LastModifiedDate, ETag"
KEYS = ("a b+c", "ordner/é", 'q"uote,', "z")


@dataclass
class InventoryWriter:
    """Writes inventories of a store's bucket as S3 does: key names are URL-encoded, fields quoted."""

    store: FileStore
    address: InventoryAddress
    rows: list[list[str]] = field(default_factory=list[list[str]])

    def list_source(self) -> None:
        """Take what the bucket has now, in no order."""
        listed = self.store.direct.list_objects_v2(Bucket=self.store.bucket).get("Contents", [])
        self.rows = [self.row(item["Key"], item["Size"], item["ETag"].strip('"')) for item in listed][::-1]

    def row(self, key: str, size: int, etag: str) -> list[str]:
        return [self.store.bucket, quote_plus(key, safe="/"), str(size), "2026-11-01T00:00:00.000Z", etag]

    def write(self, age: timedelta = HOUR, *, damage: bytes = b"", **manifest: Any) -> datetime:
        """Write an inventory that was begun some time ago; return when."""
        created = datetime.now(UTC).replace(second=0, microsecond=0) - age
        folder = self.address.folder(self.store.bucket)
        parts = [(f"{folder}data/{number}.csv.gz", pack(self.rows[number::2])) for number in range(2)]
        for key, body in parts:
            self.put(key, body + damage)
        document = {
            "sourceBucket": self.store.bucket,
            "destinationBucket": f"arn:aws:s3:::{self.address.bucket}",
            "version": "2016-11-30",
            "creationTimestamp": str(int(created.timestamp() * 1000)),
            "fileFormat": "CSV",
            "fileSchema": SCHEMA,
            "files": [{"key": key, "size": len(body), "MD5checksum": md5(body)} for key, body in parts],
        } | manifest
        body = json.dumps(document).encode()
        self.put(f"{folder}{created:%Y-%m-%dT%H-%MZ}/manifest.json", body)
        self.put(f"{folder}{created:%Y-%m-%dT%H-%MZ}/manifest.checksum", md5(body).encode())
        return created

    def put(self, key: str, body: bytes) -> None:
        self.store.direct.put_object(Bucket=self.address.bucket, Key=key, Body=body)


def pack(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return gzip.compress(text.getvalue().encode())


def md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


@pytest.fixture
def writer(store: FileStore) -> InventoryWriter:
    """Give a store with files whose source is read from inventories, of which there is none yet."""
    address = InventoryAddress(f"{store.bucket}-lists", "daily", "inventories")
    store.direct.create_bucket(
        Bucket=address.bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    store.source = replace(store.source, inventory=address)
    store.put(*KEYS)
    made = InventoryWriter(store, address)
    made.list_source()
    return made


def test_a_backup_has_what_the_inventory_names_as_of_its_time_and_lists_no_source(
    store: FileStore, writer: InventoryWriter
) -> None:
    writer.write(5 * HOUR, sourceBucket="an older one that is not read")
    created = writer.write()
    manifest = store.back_up()
    assert {key: store.content(entry) for key, entry in store.items(manifest).items()} == {
        key: key.encode() for key in KEYS
    }
    assert manifest.snapshot_at == created
    listings = [path for _, path, _ in store.proxy.recorded if path.startswith(f"/{store.bucket}?")]
    assert listings == []
    again = store.back_up()
    assert (again.copied, again.files, store.items(again)) == (0, 4, store.items(manifest))


def test_what_was_added_changed_or_deleted_since_the_inventory_is_right_now_or_next_time(
    store: FileStore, writer: InventoryWriter
) -> None:
    writer.write(2 * HOUR)
    store.put("new")
    store.put("z", body=b"changed")
    store.remove("a b+c")
    first = store.items(store.back_up())
    assert set(first) == {*KEYS[1:]}
    assert store.content(first["z"]) == b"changed"
    writer.list_source()
    writer.write(HOUR)
    second = store.back_up()
    assert (set(store.items(second)), second.copied) == ({*KEYS[1:], "new"}, 1)


def test_what_an_inventory_lacks_is_not_taken_for_deleted_while_the_source_has_it(
    store: FileStore, writer: InventoryWriter
) -> None:
    writer.write(2 * HOUR)
    store.back_up()
    store.remove("z")
    writer.rows = [row for row in writer.rows if row[1] in {"ordner/%C3%A9", "q%22uote%2C"}]
    writer.write(HOUR)
    manifest = store.back_up()
    assert (set(store.items(manifest)), manifest.gone) == ({*KEYS[:3]}, 1)


def test_an_inventory_of_versions_has_the_newest_ones(store: FileStore, writer: InventoryWriter) -> None:
    store.remove("z")
    rows = [[*row, "true", "false"] for row in writer.rows]
    older = [[*writer.row("older", 1, "e"), "false", "false"], [*writer.row("gone", 0, ""), "true", "true"]]
    writer.rows = rows + older
    writer.write(fileSchema=f"{SCHEMA}, IsLatest, IsDeleteMarker")
    assert set(store.items(store.back_up())) == {*KEYS[:3]}


def test_a_file_that_only_the_inventory_has_is_not_in_the_backup(
    store: FileStore, writer: InventoryWriter
) -> None:
    writer.rows.append(writer.row("invented", 3, md5(b"abc")))
    writer.write()
    assert set(store.items(store.back_up())) == {*KEYS}


@pytest.mark.parametrize(
    ("manifest", "why"),
    [
        ({"sourceBucket": "another"}, "it is of the bucket 'another'"),
        ({"destinationBucket": "arn:aws:s3:::another"}, "it was written for the bucket"),
        ({"fileFormat": "Parquet"}, "its format is 'Parquet', and CSV is read"),
        ({"fileSchema": "Bucket, Key, Size"}, "it has no ETag, LastModifiedDate"),
        ({"fileSchema": f"{SCHEMA}, StorageClass"}, "has what is no row of this bucket"),
        ({"creationTimestamp": "1514944800000"}, "older than 9 days"),
        ({"creationTimestamp": "soon"}, "its manifest is none"),
        ({"files": [{"key": "none", "size": 1, "MD5checksum": "0" * 32}]}, "Reading none of the bucket"),
        ({"damage": b"more"}, "is not the one that its manifest names"),
    ],
)
def test_an_inventory_that_is_not_complete_recent_and_of_the_bucket_is_refused(
    store: FileStore, writer: InventoryWriter, manifest: dict[str, Any], why: str
) -> None:
    writer.write(**manifest)
    with pytest.raises(Failure, match=why) as raised:
        store.back_up()
    assert "Nothing was changed in the vault" in str(raised.value) or "NoSuchKey" in str(raised.value)
    assert backups(store) == []


@pytest.mark.parametrize(
    "body",
    [
        b"no gzip",
        gzip.compress(b'"a,'),
        gzip.compress(b"x" * (1 << 20)),
        pack([["other", "k", "1", "t", "e"]]),
    ],
    ids=["no gzip", "no CSV", "a long line", "another bucket"],
)
def test_a_file_of_an_inventory_that_is_none_is_refused(
    store: FileStore, writer: InventoryWriter, body: bytes
) -> None:
    writer.put("bad.csv.gz", body)
    writer.write(files=[{"key": "bad.csv.gz", "size": len(body), "MD5checksum": md5(body)}])
    with pytest.raises(Failure, match="has what is no row of this bucket"):
        store.back_up()


def test_a_manifest_of_an_inventory_that_was_changed_is_refused(
    store: FileStore, writer: InventoryWriter
) -> None:
    created = writer.write()
    folder = f"{writer.address.folder(store.bucket)}{created:%Y-%m-%dT%H-%MZ}/"
    writer.put(f"{folder}manifest.checksum", b"0" * 32)
    with pytest.raises(Failure, match=r"its manifest.checksum is of another manifest"):
        store.back_up()


@pytest.mark.usefixtures("writer")
def test_a_source_without_inventories_is_refused(store: FileStore) -> None:
    with pytest.raises(Failure, match=rf"has no inventory inventories/{store.bucket}/daily/") as raised:
        store.back_up()
    assert "Only S3 of AWS has inventories" in str(raised.value)
    assert backups(store) == []


def test_an_inventory_is_no_younger_than_its_bucket_says(store: FileStore, writer: InventoryWriter) -> None:
    writer.write(-24 * HOUR)
    assert store.back_up().snapshot_at <= datetime.now(UTC)


def backups(store: FileStore) -> list[str]:
    return [one.id for one in catalogue.list_backups(store.vault_client, FilesManifest, store="files")]
