"""The checksums of a copy equal those of its source, however and wherever the copy was made."""

from pathlib import Path

import odd_database
import pytest
from odd_database import OddDatabase, checksums_of
from servers import NewDatabase, create_database, database_url, drop_database, run_program

from postgres_server.cluster import Cluster
from recovery.postgres import digest
from recovery.postgres.checksums import compare_checksums
from recovery.postgres.definitions import normalize_array_casts, read_definitions
from recovery.postgres.snapshot import take_snapshot

pytestmark = pytest.mark.shares("odd-database")


def copy_database(cluster: Cluster, source: str, target: str, archive: Path, *options: str) -> None:
    run_program(cluster, "pg_dump", "--format=custom", f"--file={archive}", *options, source)
    run_program(cluster, "pg_restore", "--exit-on-error", f"--dbname={target}", archive)


def test_a_restored_copy_has_the_same_checksums(
    odd: OddDatabase, cluster: Cluster, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    copy_database(cluster, odd.url, copy, tmp_path / "dump")
    assert not compare_checksums(odd.checksums, checksums_of(copy))


def test_a_copy_on_another_server_has_the_same_checksums(
    odd: OddDatabase, cluster: Cluster, other_cluster: Cluster, tmp_path: Path
) -> None:
    with odd_database.temporary_roles(database_url(other_cluster, "postgres")):
        try:
            create_database(other_cluster, "odd too")
            copy_database(cluster, odd.url, database_url(other_cluster, "odd too"), tmp_path / "dump")
            assert checksums_of(database_url(other_cluster, "odd too")) == odd.checksums
        finally:
            drop_database(other_cluster, "odd too")


def test_every_definition_of_a_copy_reads_the_same(
    odd: OddDatabase, cluster: Cluster, new_database: NewDatabase, tmp_path: Path
) -> None:
    copy = new_database()
    copy_database(cluster, odd.url, copy, tmp_path / "dump")
    with take_snapshot(odd.url) as one, take_snapshot(copy) as other:
        expected, found = read_definitions(one.connection), read_definitions(other.connection)
    assert found == expected
    assert [kind for kind, objects in expected.kinds.items() if not objects] == [
        "foreign",
        "others",
        "security_labels",
    ]


def test_rows_are_counted_table_by_table(odd: OddDatabase) -> None:
    rows = {table.name: table.rows for table in odd.checksums.tables}
    assert rows["many"] == 5000, "row security hides none"
    assert (rows["parent"], rows["child"], rows["grandchild"]) == (1, 2, 1)
    assert (rows["measured_north_old"], rows["measured_north_new"], rows["measured_rest"]) == (31, 36, 33)
    assert (rows["nothing"], rows["empty"], rows["unlogged"], rows["twins"]) == (2, 0, 2, 4)
    assert not {"measured", "measured north", "totals", "never", "cheap"} & rows.keys()
    assert odd.checksums.large_objects == 4
    assert odd.checksums.extensions.keys() == {"plpgsql", "vector"}


def test_the_digests_of_a_tables_pieces_add_up_to_the_tables_digest(
    odd: OddDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digest, "_TASK_BLOCKS", 1)
    progress: list[tuple[int, int]] = []
    assert (
        checksums_of(odd.url, workers=3, on_progress=lambda done, of: progress.append((done, of)))
        == odd.checksums
    )
    assert len(progress) > 40
    assert progress == sorted(progress)


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
    assert normalize_array_casts(written) == normalize_array_casts(read_back) == read_back


def test_selected_tables_come_with_children_sequences_and_nothing_else(odd: OddDatabase) -> None:
    found = checksums_of(odd.url, tables=("public.measured", "order", "everything"))
    assert [table.name for table in found.tables] == [
        *("everything", "measured_north_new", "measured_north_old", "measured_rest", "order")
    ]
    assert [sequence.name for sequence in found.sequences] == [
        *("everything_by_default_seq", "everything_id_seq", "everything_serial_seq", "measured_id_seq")
    ]
    assert found.large_objects == 0
    assert "functions" not in found.definitions
    assert found.tables[-1] in odd.checksums.tables
