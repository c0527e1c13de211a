"""One object of a backup of the files, and the listing in which each has a line of JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from recovery.files.places import place
from recovery.postgres.compression import decompressed
from toolchain.failure import Failure


@dataclass(frozen=True)
class Item:
    """One object of a backup: what the source said of it, and which version in the vault is its copy."""

    bucket: str
    key: str
    version: str
    bytes: int
    """Of the copy."""

    sha256: str
    """Of the bytes on their way into the vault."""

    etag: str
    """The source's, which tells whether the object has changed since; with `listed`, the size it tells of."""

    listed: int
    modified: datetime
    """At the source."""

    locked_until: datetime | None
    altered: bool = False

    @property
    def place(self) -> str:
        """The key of the copy in the vault."""
        return place(self.bucket, self.key)


def line(item: Item) -> bytes:
    """Write an item as a line of a listing."""
    until = item.locked_until
    fields = vars(item) | {"modified": _text(item.modified), "locked_until": _text(until) if until else None}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a compressed listing, each with its end."""
    rest = b""
    for chunk in decompressed(chunks):
        whole, newline, rest = (rest + chunk).rpartition(b"\n")
        yield from (whole + newline).splitlines(keepends=True)
    if rest:
        yield rest


def parsed(line: bytes, key: str) -> Item:
    """
    Read what `line` wrote; `key` is the listing's.

    Raises:
        Failure: for anything else.
    """
    try:
        fields: dict[str, Any] = json.loads(line)
        until = fields.pop("locked_until")
        return Item(
            modified=datetime.fromisoformat(fields.pop("modified")),
            locked_until=datetime.fromisoformat(until) if until else None,
            **fields,
        )
    except (ValueError, TypeError, KeyError):
        raise Failure(
            f"The listing {key} has a line that is no object.",
            "use another backup, or the other vault's copy (--vault replica).",
        ) from None


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
