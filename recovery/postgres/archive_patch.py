"""Changes of statements in an archive's table of contents that keep their length, so that nothing moves."""

from pathlib import Path
from typing import Final

from recovery.postgres.restricted_entries import LEAKPROOF
from recovery.postgres.toc import ArchiveToc, TocEntry

_RESET: Final = b"RESET search_path;"


def remove_leakproof(archive: Path, toc: ArchiveToc) -> None:
    """Replace LEAKPROOF in the statements of functions by spaces."""
    for entry in toc.of_kind("FUNCTION"):
        if match := LEAKPROOF.search(entry.statement):
            start, end = match.span("word")
            before, word = _encode(entry.statement[:start]), _encode(entry.statement[start:end])
            _write(archive, toc, entry, len(before), b" " * len(word))


def reset_search_path(archive: Path, toc: ArchiveToc) -> None:
    """Let the sessions of pg_restore keep the search path that they start with, instead of an empty one."""
    for entry in toc.of_kind("SEARCHPATH"):
        length = len(_encode(entry.statement))
        _write(archive, toc, entry, 0, _RESET.ljust(length))


def _write(archive: Path, toc: ArchiveToc, entry: TocEntry, offset: int, text: bytes) -> None:
    start = toc.layout.statement_positions[entry.id] + 1 + toc.layout.integer_bytes
    with archive.open("r+b") as file:
        file.seek(start + offset)
        file.write(text)


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
