"""
Tells pg_restore where in an archive each table's rows are.

pg_dump goes back to say so once it has written them, which it can't in a pipe. Then each connection of a
parallel restore reads through all that lies before its own table, row by row: 3 s of CPU a GB.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from recovery.postgres.archive import Layout

_OFFSET_KNOWN: Final = b"\2"
_ROWS: Final = b"\1"
_LARGE_OBJECTS: Final = b"\3"
_LAST_LINE: Final = b"\\.\n\n\n"
_PIECE_BYTES: Final = 1 << 16


def locate(archive: Path, layout: Layout) -> bool:
    """
    Write into an archive where its data is; return whether it says so now.

    One that is not as pg_dump writes it uncompressed is left as it is, for pg_restore to search or to refuse.
    Where it is told of a place, it looks whether the entry's data begins there before it restores any.
    Source: pg_backup_custom.c, _PrintTocData.
    """
    if layout.compressed:
        return not layout.unknown
    with archive.open("rb", buffering=2 * _PIECE_BYTES) as file:
        try:
            found = dict(_places(file, layout))
        except ValueError:
            return False
    if not layout.unknown.keys() <= found.keys():
        return False
    with archive.open("r+b", buffering=0) as file:
        for number, place in layout.unknown.items():
            offset = found[number].to_bytes(layout.offset_bytes, "little")
            os.pwrite(file.fileno(), _OFFSET_KNOWN + offset, place)
    return True


def _places(file: IO[bytes], layout: Layout) -> Iterator[tuple[int, int]]:
    """Go from one entry's data to the next; give each entry's id, and where its data begins."""
    width = layout.integer_bytes
    file.seek(layout.data)
    while kind := file.read(1):
        begin = file.tell() - 1
        yield _integer(file, width), begin
        if kind == _ROWS:
            _pass_rows(file, width)
        elif kind == _LARGE_OBJECTS:
            while _integer(file, width):
                _pass_chunks(file, width)
        else:
            raise ValueError


def _pass_rows(file: IO[bytes], width: int) -> None:
    """
    Find the end of a table's rows, not row by row, each of which is a chunk, but by what only stands there.

    A chunk of no bytes ends them: a zero in as many bytes as a number takes. Rows are text and hold none.
    """
    end = _LAST_LINE + bytes(1 + width)
    kept = b""
    while piece := file.read(_PIECE_BYTES):
        piece = kept + piece
        # Backwards, for it is three times as fast, and where there is none it is all the same.
        if piece.rfind(end) >= 0:
            file.seek(piece.find(end) + len(end) - len(piece), os.SEEK_CUR)
            return
        kept = piece[1 - len(end) :]
    raise ValueError


def _pass_chunks(file: IO[bytes], width: int) -> None:
    while length := _integer(file, width):
        file.seek(length, os.SEEK_CUR)


def _integer(file: IO[bytes], width: int) -> int:
    read = file.read(1 + width)
    if len(read) <= width or read[0]:
        raise ValueError
    return int.from_bytes(read[1:], "little")
