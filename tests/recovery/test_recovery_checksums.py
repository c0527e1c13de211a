"""Figures: those of a copy are the same, however and wherever it was made."""

from pathlib import Path

import odd_database
import pytest
from odd_database import Odd, taken
from servers import NewDatabase, create_database, database_url, drop_database, run_program

from postgres_server.cluster import Cluster
from recovery.postgres import digest
from recovery.postgres.checksums import differences
from recovery.postgres.definitions import definitions, settled
from recovery.postgres.snapshot import snapshot


def copied(cluster: Cluster, source: str, target: str, archive: Path, *options: str) -> None:
    run_program(cluster, "pg_dump", "--format=custom", f"--file={archive}", *options, source)
    run_program(cluster, "pg_restore", "--exit-on-error", f"--dbname={target}", archive)


def test_a_restored_copy_has_the_same_figures(
    odd: Odd, cluster: Cluster, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    copied(cluster, odd.url, copy, tmp_path / "dump")
    assert not differences(odd.figures, taken(copy))


def test_so_has_a_copy_on_another_server(
    odd: Odd, cluster: Cluster, other_cluster: Cluster, tmp_path: Path
) -> None:
    with odd_database.roles_on(database_url(other_cluster, "postgres")):
        try:
            create_database(other_cluster, "odd too")
            copied(cluster, odd.url, database_url(other_cluster, "odd too"), tmp_path / "dump")
            assert taken(database_url(other_cluster, "odd too")) == odd.figures
        finally:
            drop_database(other_cluster, "odd too")


def test_every_definition_of_a_copy_reads_the_same(
    odd: Odd, cluster: Cluster, database: NewDatabase, tmp_path: Path
) -> None:
    copy = database()
    copied(cluster, odd.url, copy, tmp_path / "dump")
    with snapshot(odd.url) as one, snapshot(copy) as other:
        expected, found = definitions(one.connection), definitions(other.connection)
    assert found == expected
    assert [kind for kind, lines in expected.items() if not lines] == ["foreign", "others", "security_labels"]


def test_rows_are_counted_table_by_table(odd: Odd) -> None:
    rows = {table.name: table.rows for table in odd.figures.tables}
    assert rows["many"] == 5000, "row security hides none"
    assert (rows["parent"], rows["child"], rows["grandchild"]) == (1, 2, 1)
    assert (rows["measured_north_old"], rows["measured_north_new"], rows["measured_rest"]) == (31, 36, 33)
    assert (rows["nothing"], rows["empty"], rows["unlogged"], rows["twins"]) == (2, 0, 2, 4)
    assert not {"measured", "measured north", "totals", "never", "cheap"} & rows.keys()
    assert odd.figures.large_objects == 4
    assert odd.figures.extensions.keys() == {"plpgsql", "vector"}


def test_the_pieces_of_a_table_add_up_to_it(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest, "_PIECE_BLOCKS", 1)
    told: list[tuple[int, int]] = []
    assert taken(odd.url, workers=3, progress=lambda done, of: told.append((done, of))) == odd.figures
    assert len(told) > 40
    assert told == sorted(told)


@pytest.mark.parametrize(
    ("written", "read_back"),
    [
        ("CHECK (a > 1)", "CHECK (a > 1)"),
        (
            "(x)::text = ANY ((ARRAY['a'::character varying, 'b, [''c]'::character varying])::text[])",
            "(x)::text = ANY (ARRAY[('a'::character varying)::text, ('b, [''c]'::character varying)::text])",
        ),
        ("(ARRAY[lower(x), 'a'::text])::text[]", "(ARRAY[lower(x), 'a'::text])::text[]"),
    ],
)
def test_a_definition_that_is_worded_anew_when_read_back_is_the_same(written: str, read_back: str) -> None:
    assert settled(written) == settled(read_back) == read_back


def test_selected_tables_come_with_children_sequences_and_nothing_else(odd: Odd) -> None:
    found = taken(odd.url, selected=("public.measured", "order", "everything"))
    assert [table.name for table in found.tables] == [
        *("everything", "measured_north_new", "measured_north_old", "measured_rest", "order")
    ]
    assert [sequence.name for sequence in found.sequences] == [
        *("everything_by_default_seq", "everything_id_seq", "everything_serial_seq", "measured_id_seq")
    ]
    assert found.large_objects == 0
    assert "functions" not in found.definitions
    assert found.tables[-1] in odd.figures.tables
