"""Digests of many tables at once: the largest first, in pieces, over several connections to one snapshot."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from queue import SimpleQueue

import psycopg
from psycopg.pq import TransactionStatus

from recovery.postgres.connecting import explained
from recovery.postgres.digest import Digest, digest_of_large_objects, digest_of_rows
from recovery.postgres.snapshot import joined

Progress = Callable[[int, int], None]
"""Told how many bytes of tables are done, of how many."""

_PIECE_BLOCKS = 16_384
"""Blocks (8 kB each, as a rule) that one statement reads."""

_CANCEL_SECONDS = 5


@dataclass(frozen=True)
class Piece:
    """What one statement digests; without a table, it is all large objects."""

    schema: str = ""
    table: str = ""
    bytes: int = 0
    columns: Sequence[str] = ()
    blocks: tuple[int, int | None] | None = None

    @property
    def label(self) -> str:
        return f'table "{self.schema}"."{self.table}"' if self.table else "large objects"


def shared_out(whole: Piece, blocks: int) -> list[Piece]:
    """Cut up a large heap. Rows that the snapshot shows don't move, and those it doesn't show don't count."""
    if blocks <= _PIECE_BLOCKS:
        return [whole]
    starts = range(0, blocks, _PIECE_BLOCKS)
    ends = [*starts[1:], None]
    return [
        replace(whole, blocks=(start, end), bytes=whole.bytes // len(starts))
        for start, end in zip(starts, ends, strict=True)
    ]


def digested(
    url: str, snapshot_id: str, pieces: list[Piece], workers: int, progress: Progress | None
) -> dict[tuple[str, str], Digest]:
    """Add up the digests of the pieces, by schema and table; the large objects' key is empty."""
    totals: dict[tuple[str, str], Digest] = {}
    done, total = 0, sum(piece.bytes for piece in pieces)
    count = max(1, min(workers, len(pieces)))
    with ExitStack() as stack:
        connections = [stack.enter_context(joined(url, snapshot_id)) for _ in range(count)]
        free: SimpleQueue[psycopg.Connection] = SimpleQueue()
        for connection in connections:
            free.put(connection)
        pool = stack.enter_context(ThreadPoolExecutor(count, thread_name_prefix="digest"))
        futures = {pool.submit(_digest, free, piece): piece for piece in pieces}
        try:
            for future in as_completed(futures):
                piece = futures[future]
                key = (piece.schema, piece.table)
                totals[key] = totals.get(key, Digest()) + future.result()
                done += piece.bytes
                if progress:
                    progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for connection in connections:
                with suppress(psycopg.Error):
                    connection.cancel_safe(timeout=_CANCEL_SECONDS)
            raise
    return totals


def _digest(free: "SimpleQueue[psycopg.Connection]", piece: Piece) -> Digest:
    connection = free.get()
    try:
        if connection.info.transaction_status is TransactionStatus.INERROR:
            return Digest()  # another piece has failed in it and is raised; this one could only say less
        with explained(connection, "read the rows", piece.label):
            if not piece.table:
                return digest_of_large_objects(connection)
            return digest_of_rows(connection, piece.schema, piece.table, piece.columns, piece.blocks)
    finally:
        free.put(connection)
