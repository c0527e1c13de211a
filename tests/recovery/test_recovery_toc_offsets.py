"""Offsets of data written into archives from a pipe: those that pg_dump writes into a file, or none."""

import subprocess
from pathlib import Path

import pytest
from dump_fixtures import INTERESTING, ODD_TABLE, dump_to_file, execute, fetch_value, find_clients
from hypothesis import given
from hypothesis import strategies as st
from servers import NewDatabase

from core.failure import Failure
from recovery.manifest import DumpContent
from recovery.postgres.connection import libpq_environment
from recovery.postgres.load import load
from recovery.postgres.toc import ArchiveLayout, read_toc, write_offsets

HEADER_BYTES = 47
"""The header has the time at which an archive was made."""

WIDTH = 4
READ_BYTES = 1 << 16


@pytest.fixture
def filled_database(new_database: NewDatabase) -> str:
    url = new_database()
    execute(url, INTERESTING)
    execute(
        url,
        r"""
        SELECT lo_from_bytea(4243, convert_to(E'\\.\n\n\n', 'UTF8') || decode(repeat('00', 40000), 'hex'));
        SELECT lo_create(4244);
        CREATE TABLE long AS SELECT g, repeat('x', 70000) FROM generate_series(1, 5) g;
        CREATE TABLE last (x integer);
        """,
    )
    return url


@pytest.mark.parametrize(
    ("content", "tables"), [("all", []), ("data", []), ("schema", []), ("all", ["orders", ODD_TABLE, "long"])]
)
def test_offsets_are_those_that_pg_dump_writes_into_a_file(
    filled_database: str, tmp_path: Path, content: DumpContent, tables: list[str]
) -> None:
    piped, whole = dump_to_file(filled_database, tmp_path / "piped", tables, content), tmp_path / "whole"
    only = {"all": [], "data": ["--data-only"], "schema": ["--schema-only"]}[content]
    only += [f"--table-and-children={table}" for table in tables]
    subprocess.run(
        [
            find_clients(filled_database).dump,
            "-Fc",
            "-Z0",
            *only,
            *(["--extension=*"] if tables else []),
            "-f",
            whole,
        ],
        env=libpq_environment(filled_database),
        check=True,
    )
    assert write_offsets(piped, read_toc(piped).layout)
    assert not read_toc(piped).layout.missing_offset_positions
    assert piped.read_bytes()[HEADER_BYTES:] == whole.read_bytes()[HEADER_BYTES:]


def test_an_archive_with_offsets_stays_unchanged_compressed_or_not(
    filled_database: str, tmp_path: Path
) -> None:
    for number, compression in enumerate(["-Z0", "-Z1"]):
        archive = tmp_path / str(number)
        subprocess.run(
            [find_clients(filled_database).dump, "-Fc", compression, "-f", archive],
            env=libpq_environment(filled_database),
            check=True,
        )
        before = archive.read_bytes()
        assert write_offsets(archive, read_toc(archive).layout)
        assert archive.read_bytes() == before


def test_a_restore_takes_a_compressed_archive_without_offsets_too(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy, archive = new_database(), tmp_path / "a"
    run = subprocess.run(
        [find_clients(filled_database).dump, "-Fc", "-Z1"],
        env=libpq_environment(filled_database),
        check=True,
        capture_output=True,
    )
    archive.write_bytes(run.stdout)
    assert not write_offsets(archive, read_toc(archive).layout)
    load(find_clients(copy), copy, archive)
    assert fetch_value(copy, "SELECT count(*) FROM orders") == 500


def test_a_truncated_archive_stays_unchanged(filled_database: str, tmp_path: Path) -> None:
    whole = dump_to_file(filled_database, tmp_path / "a").read_bytes()
    layout = read_toc(tmp_path / "a").layout
    cut = tmp_path / "cut"
    for length in [*range(layout.data_start, len(whole), 4999), *range(len(whole) - 40, len(whole))]:
        cut.write_bytes(whole[:length])
        assert not write_offsets(cut, layout)
        assert cut.read_bytes() == whole[:length]


def test_pg_restore_refuses_the_offset_of_another_table(
    filled_database: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy, archive = new_database(), dump_to_file(filled_database, tmp_path / "a")
    layout = read_toc(archive).layout
    assert write_offsets(archive, layout)
    first, second, *_ = layout.missing_offset_positions.values()
    content = bytearray(archive.read_bytes())
    length = 1 + layout.offset_bytes
    content[first : first + length], content[second : second + length] = (
        content[second : second + length],
        content[first : first + length],
    )
    archive.write_bytes(content)
    with pytest.raises(Failure, match="unexpected block ID"):
        load(find_clients(copy), copy, archive)


def encode_number(value: int) -> bytes:
    return b"\0" + value.to_bytes(WIDTH, "little")


def encode_chunks(chunks: list[bytes]) -> bytes:
    return b"".join(encode_number(len(chunk)) + chunk for chunk in chunks if chunk) + encode_number(0)


def encode_rows(lines: list[bytes]) -> bytes:
    return encode_chunks([*lines, b"\\.\n\n\n"])


def encode_large_objects(contents_: list[list[bytes]]) -> bytes:
    return b"".join(
        encode_number(i) + encode_chunks(chunks) for i, chunks in enumerate(contents_, 1)
    ) + encode_number(0)


def offsets_of_blocks(folder: Path, blocks: list[bytes]) -> dict[int, int] | None:
    """Make an archive of blocks, whose table of contents has nothing but offsets; return those written."""
    archive = folder / "a"
    unknown = {index: 9 * index for index in range(len(blocks))}
    start = 9 * len(blocks)
    content = b"".join(
        [bytes(start), *(block[:1] + encode_number(i) + block[1:] for i, block in enumerate(blocks))]
    )
    archive.write_bytes(content)
    written = write_offsets(
        archive,
        ArchiveLayout(
            (1, 16),
            WIDTH,
            8,
            compressed=False,
            count_position=0,
            data_entries_end=0,
            statement_positions={},
            copy_statement_positions={},
            missing_offset_positions=unknown,
            data_start=start,
        ),
    )
    after = archive.read_bytes()
    assert after[start:] == content[start:]
    if not written:
        assert after == content
        return None
    assert all(after[place] == 2 for place in unknown.values())
    return {index: int.from_bytes(after[place + 1 : place + 9], "little") for index, place in unknown.items()}


def expected_offsets(blocks: list[bytes]) -> dict[int, int]:
    lengths = [len(block) + 1 + WIDTH for block in blocks]
    return {index: 9 * len(blocks) + sum(lengths[:index]) for index in range(len(blocks))}


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
LINES = st.lists(TEXTS.map(lambda text: f"{text}\n".encode()))
OBJECTS = st.lists(st.lists(st.binary() | st.just(b"\\.\n\n\n\0\0\0\0\0\1\0\0\0\0\0")))
BLOCKS = st.lists(
    LINES.map(lambda lines: b"\1" + encode_rows(lines))
    | OBJECTS.map(lambda objects: b"\3" + encode_large_objects(objects))
)


@given(BLOCKS)
def test_each_offset_is_found_whatever_rows_and_large_objects_hold(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[bytes]
) -> None:
    assert offsets_of_blocks(tmp_path_factory.mktemp("archive"), blocks) == expected_offsets(blocks)


@pytest.mark.matrix(sample=8)
@pytest.mark.parametrize("short", range(40))
def test_the_end_of_a_block_is_found_across_two_reads(tmp_path: Path, short: int) -> None:
    blocks = [b"\1" + encode_rows([b"x" * (READ_BYTES - short) + b"\n"]), b"\1" + encode_rows([b"y\n"])]
    assert offsets_of_blocks(tmp_path, blocks) == expected_offsets(blocks)


@pytest.mark.parametrize("rows", [0, 1, 5, 6, 7, 8, 100])
@pytest.mark.parametrize("ends", [0, 1, 3])
def test_the_end_of_rows_in_chunks_of_any_length_is_found(tmp_path: Path, rows: int, ends: int) -> None:
    text = b"x\\\\.\n\n\n" * READ_BYTES
    chunks = [text, *[b"\\\\.\n\n\n"] * rows, text, text, *[text[:READ_BYTES]] * ends]
    blocks = [b"\1" + encode_rows(chunks), b"\1" + encode_rows([b"y\n"]), b"\1" + encode_rows(chunks)]
    assert offsets_of_blocks(tmp_path, blocks) == expected_offsets(blocks)


@pytest.mark.parametrize(
    "block",
    [b"", b"\1", b"\2" + encode_rows([]), b"\1" + encode_number(0), b"\3" + encode_number(7), b"\1\1"],
)
def test_an_archive_with_a_block_that_pg_dump_never_writes_stays_unchanged(
    tmp_path: Path, block: bytes
) -> None:
    assert offsets_of_blocks(tmp_path, [b"\1" + encode_rows([b"x\n"]), block]) is None
