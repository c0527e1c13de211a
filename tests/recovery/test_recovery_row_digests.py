"""A table's digest notices each change of a row, of every type, and does not depend on where the rows are."""

from typing import Final, LiteralString

import psycopg
from dump_fixtures import execute
from odd_database import checksums_of
from psycopg import sql
from servers import NewDatabase

from recovery.manifest import Checksums
from recovery.postgres.checksums import compare_checksums

NOT_THE_SAME: Final[dict[LiteralString, tuple[str | None, str | None]]] = {
    "boolean": ("true", "false"),
    "smallint": ("1", "-1"),
    "integer": ("0", None),
    "bigint": ("4294967296", "1"),
    "int8": ("0", None),
    "numeric": ("1.0", "1.00"),
    "real": ("0", "-0"),
    "double precision": ("NaN", "Infinity"),
    "text": ("", None),
    "varchar": ("a", "a "),
    "char(5)": ("ab", "abc"),
    "bpchar": ("ab", "ab "),
    "bytea": ("\\x00", "\\x0000"),
    "uuid": ("00000000-0000-0000-0000-000000000000", None),
    "timestamp": ("2030-01-01 00:00", "2030-01-01 01:00"),
    "timestamptz": ("2030-01-01 00:00+00", "2030-01-01 00:00+01"),
    "date": ("infinity", "-infinity"),
    "interval": ("1 day", "24 hours"),
    "jsonb": ('{"a": 1.0}', '{"a": 1.00}'),
    "json": ("[1]", "[ 1]"),
    "point": ("(1,2)", "(2,1)"),
    "text[]": ("{a,NULL}", '{a,"NULL"}'),
    "int4range": ("[1,3)", "[1,4)"),
    "mood": ("glad", "sad"),
    "moods": ("glad", "sad"),
    "pair": ("(1,)", '(1,"")'),
    "positive": ("1", "2"),
    "vector": ("[1,2]", "[2,1]"),
}
"""Type -> two values that differ; None is a null."""

TYPES: Final = """
    CREATE TYPE mood AS ENUM ('glad', 'sad');
    CREATE DOMAIN moods AS mood; CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
    CREATE TYPE pair AS (n integer, t text);
    CREATE EXTENSION vector;
"""


def read_digests(url: str) -> dict[str, str]:
    return {table.name: table.digest for table in checksums_of(url).tables}


def test_each_types_values_have_digests_of_their_own(new_database: NewDatabase) -> None:
    url = new_database()
    execute(url, TYPES)
    with psycopg.connect(url, autocommit=True) as connection:
        for number, (kind, values) in enumerate(NOT_THE_SAME.items()):
            for side, value in enumerate(values):
                table = sql.Identifier(f"t{number}_{side}")
                connection.execute(
                    sql.SQL("CREATE TABLE {} (k text, v {})")
                    .format(table, sql.SQL(kind))
                    .as_bytes(connection)
                )
                connection.execute(
                    sql.SQL("INSERT INTO {} VALUES ('k', {})").format(table, sql.Literal(value))
                )
    digests = read_digests(url)
    equal = [kind for n, kind in enumerate(NOT_THE_SAME) if digests[f"t{n}_0"] == digests[f"t{n}_1"]]
    assert equal == []


def test_a_value_that_moves_to_another_column_or_row_is_noticed(new_database: NewDatabase) -> None:
    url = new_database()
    execute(
        url,
        """
        CREATE TABLE one (a integer, b integer, c text, d text, e numeric, f numeric);
        CREATE TABLE columns (LIKE one); CREATE TABLE texts (LIKE one); CREATE TABLE others (LIKE one);
        CREATE TABLE rows (LIKE one); CREATE TABLE nulls (LIKE one); CREATE TABLE twice (LIKE one);
        INSERT INTO one VALUES (1, 2, 'x', 'y', 1, 2), (3, NULL, 'z', NULL, 3, NULL);
        INSERT INTO columns VALUES (2, 1, 'x', 'y', 1, 2), (3, NULL, 'z', NULL, 3, NULL);
        INSERT INTO texts VALUES (1, 2, 'y', 'x', 1, 2), (3, NULL, 'z', NULL, 3, NULL);
        INSERT INTO others VALUES (1, 2, 'x', 'y', 2, 1), (3, NULL, 'z', NULL, 3, NULL);
        INSERT INTO rows VALUES (3, 2, 'x', 'y', 1, 2), (1, NULL, 'z', NULL, 3, NULL);
        INSERT INTO nulls VALUES (1, 2, 'x', 'y', 1, 2), (NULL, 3, NULL, 'z', NULL, 3);
        INSERT INTO twice SELECT * FROM one UNION ALL SELECT * FROM one;
        """,
    )
    digests = read_digests(url)
    assert len(set(digests.values())) == len(digests)


def test_rows_have_the_same_digest_in_another_order_of_rows_and_columns(new_database: NewDatabase) -> None:
    url = new_database()
    execute(
        url,
        """
        CREATE TABLE one (a integer, gone text, b uuid, c interval, d timestamptz);
        ALTER TABLE one DROP COLUMN gone;
        INSERT INTO one SELECT n, gen_random_uuid(), n * interval '1 s', now() FROM generate_series(1, 500) n;
        CREATE TABLE other (d timestamptz, c interval, b uuid, a integer);
        INSERT INTO other SELECT d, c, b, a FROM one ORDER BY b;
        """,
    )
    assert len(set(read_digests(url).values())) == 1


def test_a_table_of_very_many_columns_is_digested(new_database: NewDatabase) -> None:
    url = new_database()
    columns = sql.SQL(", ").join(sql.SQL("{} integer").format(sql.Identifier(f"c{n}")) for n in range(1500))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE TABLE one ({})").format(columns))
        connection.execute("CREATE TABLE other (LIKE one)")
        connection.execute("INSERT INTO one (c0, c1499) VALUES (1, 2)")
        connection.execute("INSERT INTO other (c0, c1499) VALUES (1, 3)")
    assert len(set(read_digests(url).values())) == 2


def test_digests_of_an_earlier_version_are_not_compared(new_database: NewDatabase) -> None:
    url = new_database()
    execute(url, "CREATE TABLE one (a integer); INSERT INTO one VALUES (1)")
    now = checksums_of(url)
    stored = now.model_dump(mode="json")
    del stored["row_hash"]
    stored["tables"][0]["digest"] = "0"
    assert compare_checksums(Checksums.model_validate(stored), now) == [
        "The rows can only be counted: an earlier version digested them in another way."
    ]
