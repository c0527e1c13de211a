"""Archives from a pipe, made to say where their data is: as pg_dump says it of a file, or not at all."""

import subprocess
from pathlib import Path

import pytest
from dump_fixtures import INTERESTING, ODD, archived, ask, clients_for, execute
from hypothesis import given
from hypothesis import strategies as st
from servers import NewDatabase

from core.failure import Failure
from recovery.postgres.connection import environment
from recovery.postgres.dump import DumpContent
from recovery.postgres.load import load
from recovery.postgres.toc import Layout, contents, locate

HEADER_BYTES = 47
"""With the time at which an archive was made."""

WIDTH = 4
PIECE = 1 << 16


@pytest.fixture
def filled(database: NewDatabase) -> str:
    url = database()
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
    ("content", "tables"), [("all", []), ("data", []), ("schema", []), ("all", ["orders", ODD, "long"])]
)
def test_it_says_what_pg_dump_says_of_a_file(
    filled: str, tmp_path: Path, content: DumpContent, tables: list[str]
) -> None:
    piped, whole = archived(filled, tmp_path / "piped", tables, content), tmp_path / "whole"
    only = {"all": [], "data": ["--data-only"], "schema": ["--schema-only"]}[content]
    only += [f"--table-and-children={table}" for table in tables]
    subprocess.run(
        [clients_for(filled).dump, "-Fc", "-Z0", *only, *(["--extension=*"] if tables else []), "-f", whole],
        env=environment(filled),
        check=True,
    )
    assert locate(piped, contents(piped).layout)
    assert not contents(piped).layout.unknown
    assert piped.read_bytes()[HEADER_BYTES:] == whole.read_bytes()[HEADER_BYTES:]


def test_what_says_it_already_or_is_compressed_stays_as_it_is(filled: str, tmp_path: Path) -> None:
    for number, compression in enumerate(["-Z0", "-Z1"]):
        archive = tmp_path / str(number)
        subprocess.run(
            [clients_for(filled).dump, "-Fc", compression, "-f", archive], env=environment(filled), check=True
        )
        before = archive.read_bytes()
        assert locate(archive, contents(archive).layout)
        assert archive.read_bytes() == before


def test_a_restore_takes_a_compressed_archive_without_places_too(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy, archive = database(), tmp_path / "a"
    run = subprocess.run(
        [clients_for(filled).dump, "-Fc", "-Z1"], env=environment(filled), check=True, capture_output=True
    )
    archive.write_bytes(run.stdout)
    assert not locate(archive, contents(archive).layout)
    load(clients_for(copy), copy, archive)
    assert ask(copy, "SELECT count(*) FROM orders") == 500


def test_no_cut_archive_is_touched(filled: str, tmp_path: Path) -> None:
    whole = archived(filled, tmp_path / "a").read_bytes()
    layout = contents(tmp_path / "a").layout
    cut = tmp_path / "cut"
    for length in [*range(layout.data, len(whole), 4999), *range(len(whole) - 40, len(whole))]:
        cut.write_bytes(whole[:length])
        assert not locate(cut, layout)
        assert cut.read_bytes() == whole[:length]


def test_pg_restore_refuses_a_place_that_is_another_tables(
    filled: str, database: NewDatabase, tmp_path: Path
) -> None:
    copy, archive = database(), archived(filled, tmp_path / "a")
    layout = contents(archive).layout
    assert locate(archive, layout)
    first, second, *_ = layout.unknown.values()
    content = bytearray(archive.read_bytes())
    length = 1 + layout.offset_bytes
    content[first : first + length], content[second : second + length] = (
        content[second : second + length],
        content[first : first + length],
    )
    archive.write_bytes(content)
    with pytest.raises(Failure, match="unexpected block ID"):
        load(clients_for(copy), copy, archive)


def number(value: int) -> bytes:
    return b"\0" + value.to_bytes(WIDTH, "little")


def chunked(chunks: list[bytes]) -> bytes:
    return b"".join(number(len(chunk)) + chunk for chunk in chunks if chunk) + number(0)


def rows(lines: list[bytes]) -> bytes:
    return chunked([*lines, b"\\.\n\n\n"])


def large_objects(contents_: list[list[bytes]]) -> bytes:
    return b"".join(number(i) + chunked(chunks) for i, chunks in enumerate(contents_, 1)) + number(0)


def located(folder: Path, blocks: list[bytes]) -> dict[int, int] | None:
    """Make an archive of blocks, as if its table of contents had but places, and have them told."""
    archive = folder / "a"
    unknown = {index: 9 * index for index in range(len(blocks))}
    start = 9 * len(blocks)
    content = b"".join([bytes(start), *(block[:1] + number(i) + block[1:] for i, block in enumerate(blocks))])
    archive.write_bytes(content)
    told = locate(archive, Layout(WIDTH, 8, compressed=False, copies={}, unknown=unknown, data=start))
    after = archive.read_bytes()
    assert after[start:] == content[start:]
    if not told:
        assert after == content
        return None
    assert all(after[place] == 2 for place in unknown.values())
    return {index: int.from_bytes(after[place + 1 : place + 9], "little") for index, place in unknown.items()}


def places(blocks: list[bytes]) -> dict[int, int]:
    lengths = [len(block) + 1 + WIDTH for block in blocks]
    return {index: 9 * len(blocks) + sum(lengths[:index]) for index in range(len(blocks))}


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
LINES = st.lists(TEXTS.map(lambda text: f"{text}\n".encode()))
OBJECTS = st.lists(st.lists(st.binary() | st.just(b"\\.\n\n\n\0\0\0\0\0\1\0\0\0\0\0")))
BLOCKS = st.lists(
    LINES.map(lambda lines: b"\1" + rows(lines)) | OBJECTS.map(lambda objects: b"\3" + large_objects(objects))
)


@given(BLOCKS)
def test_whatever_rows_and_objects_hold_each_place_is_found(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[bytes]
) -> None:
    assert located(tmp_path_factory.mktemp("archive"), blocks) == places(blocks)


@pytest.mark.parametrize("short", range(40))
def test_an_end_is_found_wherever_the_pieces_meet(tmp_path: Path, short: int) -> None:
    blocks = [b"\1" + rows([b"x" * (PIECE - short) + b"\n"]), b"\1" + rows([b"y\n"])]
    assert located(tmp_path, blocks) == places(blocks)


@pytest.mark.parametrize(
    "block", [b"", b"\1", b"\2" + rows([]), b"\1" + number(0), b"\3" + number(7), b"\1\1"]
)
def test_what_no_pg_dump_writes_is_left_alone(tmp_path: Path, block: bytes) -> None:
    assert located(tmp_path, [b"\1" + rows([b"x\n"]), block]) is None
