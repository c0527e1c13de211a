"""Each single loss or change of a copy is found and named."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest
from odd_database import OddDatabase, checksums_of
from servers import NewDatabase

from recovery.postgres.checksums import compare_checksums

pytestmark = pytest.mark.shares("odd-database")


@dataclass(frozen=True)
class Change:
    statement: LiteralString
    found: str
    several: bool = False
    """Whether it causes other differences too."""


def other_rows(table: str, rows: int) -> str:
    return f'Table "public"."{table}" has {rows} rows, as expected, but not the same ones.'


def differently_defined(kind: str) -> str:
    return f"The {kind} are not defined as expected."


CHANGES = {
    "one cell": Change("UPDATE many SET content = 'Row 17' WHERE id = 17", other_rows("many", 5000)),
    "a row less": Change(
        "DELETE FROM many WHERE id = 17", 'Table "public"."many" has 4999 rows; 5000 were expected.'
    ),
    "a row more": Change(
        "INSERT INTO nothing DEFAULT VALUES", 'Table "public"."nothing" has 3 rows; 2 were expected.'
    ),
    "a row twice": Change(
        "INSERT INTO twins VALUES (1, 'same')", 'Table "public"."twins" has 5 rows; 4 were expected.'
    ),
    "a row for another": Change(
        "DELETE FROM many WHERE id = 17; INSERT INTO many VALUES (0, 'row 17')", other_rows("many", 5000)
    ),
    "two equal rows for two other equal ones": Change(
        "UPDATE twins SET b = 'else' WHERE ctid IN (SELECT ctid FROM twins WHERE a = 1 LIMIT 2)",
        other_rows("twins", 4),
    ),
    "a value swapped between rows": Change(
        'UPDATE "order" o SET "from where" = p."from where" FROM "order" p WHERE o."select" + p."select" = 4',
        other_rows("order", 3),
    ),
    "a value swapped between columns": Change("UPDATE t SET h = md5, md5 = h", other_rows("t", 2)),
    "an empty string for NULL": Change(
        'UPDATE "order" SET "Ünïcode ☃" = \'\' WHERE "select" = 2', other_rows("order", 3)
    ),
    "a byte in a large value": Change(
        "UPDATE large SET raw = set_byte(raw, 100000, get_byte(raw, 100000) # 1) WHERE id = 3",
        other_rows("large", 5),
    ),
    "white space in json": Change(
        'UPDATE everything SET j = \'{"b": 1, "a": [1, 2]}\' WHERE j IS NOT NULL',
        other_rows("everything", 2),
    ),
    "what a user's cast hides": Change(
        "UPDATE everything SET pair.left = 2 WHERE pair IS NOT NULL", other_rows("everything", 2)
    ),
    "a table less": Change(
        "DROP TABLE unlogged", 'Table "public"."unlogged" is missing; 2 rows were expected.', several=True
    ),
    "a table more": Change(
        "CREATE TABLE more (id integer)",
        'Table "public"."more" was not expected; it has 0 rows.',
        several=True,
    ),
    "a row in another partition": Change(
        "ALTER TABLE measured DETACH PARTITION measured_rest; "
        "INSERT INTO measured_rest VALUES (now(), 'x', 1, 0)",
        'Table "public"."measured_rest" has 34 rows; 33 were expected.',
        several=True,
    ),
    "a large object's content": Change(
        "SELECT lo_put(900003, 1200000, 'x')",
        "There are 4 large objects, as expected, but not with the same content.",
    ),
    "a large object's length": Change(
        "SELECT lo_truncate(lo_open(900004, 131072), 3000100)",
        "There are 4 large objects, as expected, but not with the same content.",
    ),
    "an empty large object": Change(
        "SELECT lo_unlink(900002)", "There are 3 large objects; 4 were expected.", several=True
    ),
    "a sequence": Change(
        "SELECT setval('many_more', 41)",
        'Sequence "public"."many_more" stands at 41, behind the expected 42 (not given out yet).',
    ),
    "a sequence that counts down": Change(
        "SELECT setval('counting_down', 10)",
        'Sequence "public"."counting_down" stands at 10, behind the expected -2.',
    ),
    "an extension": Change(
        "DROP TABLE embedded; DROP EXTENSION vector",
        'Table "public"."embedded" is missing; 1 rows were expected.',
        several=True,
    ),
    "an index": Change("DROP INDEX lower_name", differently_defined("indexes")),
    "a partition's index": Change("DROP INDEX by_value", differently_defined("indexes")),
    "what an index is on": Change(
        'DROP INDEX lower_name; CREATE INDEX lower_name ON "order" (upper("from where") text_pattern_ops)',
        differently_defined("indexes"),
    ),
    "a trigger": Change("DROP TRIGGER stamped ON empty", differently_defined("triggers")),
    "a trigger awake": Change("ALTER TABLE many ENABLE TRIGGER asleep", differently_defined("triggers")),
    "a foreign key": Change(
        "ALTER TABLE chicken DROP CONSTRAINT hatched", differently_defined("constraints")
    ),
    "when a key is checked": Change(
        "ALTER TABLE chicken ALTER CONSTRAINT hatched DEFERRABLE INITIALLY IMMEDIATE",
        differently_defined("constraints"),
    ),
    "a domain's check": Change(
        'ALTER DOMAIN postcode DROP CONSTRAINT "looks right"', differently_defined("constraints")
    ),
    "a grant": Change('REVOKE INSERT ON many FROM "odd app"', differently_defined("grants")),
    "a grant to everyone": Change("GRANT EXECUTE ON FUNCTION shout TO PUBLIC", differently_defined("grants")),
    "a grant on a column": Change(
        'REVOKE UPDATE (content) ON large FROM "odd reader"', differently_defined("grants")
    ),
    "a default privilege": Change(
        'ALTER DEFAULT PRIVILEGES FOR ROLE "Odd-Owner" IN SCHEMA public '
        'REVOKE SELECT ON TABLES FROM "odd reader"',
        differently_defined("grants"),
    ),
    "an owner": Change("ALTER TABLE dropped OWNER TO cloud_admin", differently_defined("owners")),
    "a policy": Change('DROP POLICY "only some" ON many', differently_defined("policies")),
    "whom a policy is for": Change(
        'ALTER POLICY adding ON many TO "odd reader"', differently_defined("policies")
    ),
    "row security": Change("ALTER TABLE egg NO FORCE ROW LEVEL SECURITY", differently_defined("tables")),
    "a comment": Change('COMMENT ON COLUMN "order"."Ünïcode ☃" IS NULL', differently_defined("comments")),
    "a default": Change(
        "ALTER TABLE everything ALTER COLUMN amount SET DEFAULT 22", differently_defined("columns")
    ),
    "a NOT NULL": Change(
        "ALTER TABLE everything ALTER COLUMN amount DROP NOT NULL", differently_defined("columns")
    ),
    "an enum's label": Change("ALTER TYPE mood ADD VALUE 'worse' BEFORE 'sad'", differently_defined("types")),
    "a function": Change(
        "CREATE OR REPLACE FUNCTION same(integer, mood) RETURNS boolean LANGUAGE sql IMMUTABLE "
        "AS 'SELECT $1 < 0'",
        differently_defined("functions"),
    ),
    "a rule": Change('DROP RULE "keep it" ON twins', differently_defined("rules")),
    "a view's check": Change("ALTER VIEW cheap RESET (check_option)", differently_defined("views")),
    "a materialized view filled": Change("REFRESH MATERIALIZED VIEW never", differently_defined("views")),
    "an event trigger": Change("ALTER EVENT TRIGGER noticed ENABLE", differently_defined("event triggers")),
    "a publication": Change(
        'ALTER PUBLICATION "some" DROP TABLE chicken', differently_defined("publications")
    ),
    "what a sequence does": Change("ALTER SEQUENCE never_used INCREMENT 2", differently_defined("sequences")),
    "statistics": Change('DROP STATISTICS "how they go"', differently_defined("statistics")),
    "a cast": Change("DROP CAST (t AS text)", differently_defined("casts")),
    "an operator": Change("DROP OPERATOR === (integer, mood)", differently_defined("operators")),
    "a collation": Change('CREATE COLLATION more FROM "C"', differently_defined("collations")),
    "text search": Change(
        "ALTER TEXT SEARCH CONFIGURATION loud DROP MAPPING FOR word", differently_defined("text search")
    ),
    "a schema": Change("CREATE SCHEMA more", differently_defined("schemas"), several=True),
}


@pytest.mark.matrix(sample=12)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_of_a_copy_is_found_and_named(
    odd: OddDatabase, new_database: NewDatabase, change: Change
) -> None:
    copy = new_database("copy", template=odd.name)
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute(change.statement)
    found = compare_checksums(odd.checksums, checksums_of(copy))
    assert change.found in found
    assert change.several or found == [change.found]


def test_differences_leaves_out_what_it_is_told_to_ignore(odd: OddDatabase) -> None:
    other = odd.checksums.model_copy(update={"tables": (), "extensions": {}, "definitions": {}})
    parts = {"tables", "extensions", *odd.checksums.definitions}
    assert len(compare_checksums(odd.checksums, other)) > 40
    assert compare_checksums(odd.checksums, other, ignore=parts - {"owners"}) == [
        differently_defined("owners")
    ]
    assert not compare_checksums(odd.checksums, other, ignore=parts)


def test_a_sequence_ahead_of_the_expected_value_is_no_difference(
    odd: OddDatabase, new_database: NewDatabase
) -> None:
    copy = new_database("copy", template=odd.name)
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute("SELECT nextval('many_more'), nextval('counting_down'), setval('never_used', 99)")
    assert not compare_checksums(odd.checksums, checksums_of(copy))
