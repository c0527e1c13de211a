"""The checksums of a copy equal those of its source, however and wherever the copy was made."""

from pathlib import Path

import odd_database
import psycopg
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


KNOWN = """
    CREATE TABLE of_every_type (a bool, b int2, c int4, d int8, e char(4), f text, g varchar, h timestamp,
                                i timestamptz, j uuid, k numeric, l interval, m jsonb, n int4[]);
    INSERT INTO of_every_type VALUES
        (true, 1, 2, 3, 'e', 'f', 'g', '2030-01-02 03:04', '2030-01-02 03:04+00',
         '7c0e4f0a-1f2e-4c58-9f0b-6f4f0c1d2e3f', 1.00, '1 day', '{"m": 1}', '{1,2}'),
        (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (false, 0, 0, 0, '', '', '', 'epoch', 'epoch', '00000000-0000-0000-0000-000000000000', 0, '0', 'null',
         '{}'),
        (NULL, 1, NULL, 3, NULL, 'f', NULL, 'epoch', NULL, NULL, NULL, '1 day', NULL, '{1,NULL}');
    CREATE TABLE of_rare_types (x point, y tsvector);
    INSERT INTO of_rare_types VALUES ('(1,2)', 'a:1'), (NULL, NULL);
    CREATE TABLE without_columns ();
    INSERT INTO without_columns DEFAULT VALUES
"""
KNOWN_DIGESTS = {
    "of_every_type": "92ce6a0df249dbd2",
    "of_rare_types": "21e25bfe3a9b298b",
    "without_columns": "25eebc7fd63e8e4c",
}
"""As earlier versions computed them: their manifests have such digests of the same method."""


def test_the_digests_of_known_rows_stay_the_same(new_database: NewDatabase) -> None:
    url = new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(KNOWN)
    checksums = checksums_of(url)
    assert checksums.row_hash == "columns"
    assert {table.name: table.digest for table in checksums.tables} == KNOWN_DIGESTS


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
