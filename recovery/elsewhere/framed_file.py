"""
The content of a file's encrypted copy: one line of JSON that says which file it is, and then its bytes.

So one object is enough to bring a file back under its name, and the vault's keys say nothing. It also holds
the headers and the metadata of the original, which in the vault would lie in clear.
"""

import json
from collections.abc import Generator, Iterable, Iterator
from typing import Final

from pydantic import ConfigDict, ValidationError

from recovery.files.manifest import FileEntry
from recovery.manifest import ManifestModel
from recovery.vault.client import Damaged
from recovery.vault.upload import COPIED_HEADERS, PutOptions

_MAX_LINE_BYTES: Final = 1 << 15
"""A key has at most 1 KiB and metadata 2 KiB, of which JSON makes six times as many; headers have 8 KiB."""


class FileHead(ManifestModel):
    """The first line."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    bucket: str
    key: str
    headers: dict[str, str]
    """Such as ContentType, by boto3's names."""

    metadata: dict[str, str]

    @property
    def options(self) -> PutOptions:
        """How the original was written."""
        known = {name: text for name, text in self.headers.items() if name in COPIED_HEADERS}
        return PutOptions(create_only=False, headers=known, metadata=self.metadata)


def frame(entry: FileEntry, options: PutOptions, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what is encrypted of a file. Raises what `chunks` raises."""
    head = FileHead(
        bucket=entry.bucket, key=entry.key, headers=dict(options.headers), metadata=dict(options.metadata)
    )
    yield json.dumps(head.model_dump(), separators=(",", ":")).encode() + b"\n"
    yield from chunks


def split_head(chunks: Iterable[bytes], name: str) -> tuple[FileHead, Generator[bytes]]:
    """
    Return the first line of a decrypted copy, and the chunks of the file; `name` is what messages call it.

    Raises:
        Damaged: it does not begin with such a line.
        Exception: whatever `chunks` raises.
    """
    iterator, start = iter(chunks), b""
    while b"\n" not in start and len(start) <= _MAX_LINE_BYTES:
        try:
            start += next(iterator)
        except StopIteration:
            break
    line, newline, rest = start.partition(b"\n")
    try:
        head = FileHead.model_validate_json(line if newline and len(line) <= _MAX_LINE_BYTES else b"")
    except ValidationError:
        raise Damaged(
            f"{name} does not begin with the line that names its file.", "use another backup."
        ) from None
    return head, _join(rest, iterator)


def _join(first: bytes, others: Iterator[bytes]) -> Generator[bytes]:
    try:
        if first:
            yield first
        yield from others
    finally:
        if isinstance(others, Generator):
            others.close()
