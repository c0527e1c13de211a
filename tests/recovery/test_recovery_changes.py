"""Each single thing that a copy may have lost or changed is found, and said by name."""

from dataclasses import dataclass
from typing import LiteralString

import psycopg
import pytest
from odd_database import Odd, taken
from servers import NewDatabase

from recovery.postgres.checksums import differences


@dataclass(frozen=True)
class Change:
    statement: LiteralString
    found: str
    several: bool = False
    """Other things change with it."""


def same_number(table: str, rows: int) -> str:
    return f'Table "public"."{table}" has {rows} rows, as expected, but not the same ones.'


def undefined(kind: str) -> str:
    return f"The {kind} are not defined as expected."


CHANGES = {
    "one cell": Change("UPDATE many SET content = 'Row 17' WHERE id = 17", same_number("many", 5000)),
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
        "DELETE FROM many WHERE id = 17; INSERT INTO many VALUES (0, 'row 17')", same_number("many", 5000)
    ),
    "two equal rows for two other equal ones": Change(
        "UPDATE twins SET b = 'else' WHERE ctid IN (SELECT ctid FROM twins WHERE a = 1 LIMIT 2)",
        same_number("twins", 4),
    ),
    "a value swapped between rows": Change(
        'UPDATE "order" o SET "from where" = p."from where" FROM "order" p WHERE o."select" + p."select" = 4',
        same_number("order", 3),
    ),
    "a value swapped between columns": Change("UPDATE t SET h = md5, md5 = h", same_number("t", 2)),
    "an empty string for NULL": Change(
        'UPDATE "order" SET "Ünïcode ☃" = \'\' WHERE "select" = 2', same_number("order", 3)
    ),
    "a byte in a large value": Change(
        "UPDATE large SET raw = set_byte(raw, 100000, get_byte(raw, 100000) # 1) WHERE id = 3",
        same_number("large", 5),
    ),
    "white space in json": Change(
        'UPDATE everything SET j = \'{"b": 1, "a": [1, 2]}\' WHERE j IS NOT NULL',
        same_number("everything", 2),
    ),
    "what a user's cast hides": Change(
        "UPDATE everything SET pair.left = 2 WHERE pair IS NOT NULL", same_number("everything", 2)
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
    "an index": Change("DROP INDEX lower_name", undefined("indexes")),
    "a partition's index": Change("DROP INDEX by_value", undefined("indexes")),
    "what an index is on": Change(
        'DROP INDEX lower_name; CREATE INDEX lower_name ON "order" (upper("from where") text_pattern_ops)',
        undefined("indexes"),
    ),
    "a trigger": Change("DROP TRIGGER stamped ON empty", undefined("triggers")),
    "a trigger awake": Change("ALTER TABLE many ENABLE TRIGGER asleep", undefined("triggers")),
    "a foreign key": Change("ALTER TABLE chicken DROP CONSTRAINT hatched", undefined("constraints")),
    "when a key is checked": Change(
        "ALTER TABLE chicken ALTER CONSTRAINT hatched DEFERRABLE INITIALLY IMMEDIATE",
        undefined("constraints"),
    ),
    "a domain's check": Change(
        'ALTER DOMAIN postcode DROP CONSTRAINT "looks right"', undefined("constraints")
    ),
    "a grant": Change('REVOKE INSERT ON many FROM "odd app"', undefined("grants")),
    "a grant to everyone": Change("GRANT EXECUTE ON FUNCTION shout TO PUBLIC", undefined("grants")),
    "a grant on a column": Change('REVOKE UPDATE (content) ON large FROM "odd reader"', undefined("grants")),
    "a default privilege": Change(
        'ALTER DEFAULT PRIVILEGES FOR ROLE "Odd-Owner" IN SCHEMA public '
        'REVOKE SELECT ON TABLES FROM "odd reader"',
        undefined("grants"),
    ),
    "an owner": Change("ALTER TABLE dropped OWNER TO cloud_admin", undefined("owners")),
    "a policy": Change('DROP POLICY "only some" ON many', undefined("policies")),
    "whom a policy is for": Change('ALTER POLICY adding ON many TO "odd reader"', undefined("policies")),
    "row security": Change("ALTER TABLE egg NO FORCE ROW LEVEL SECURITY", undefined("tables")),
    "a comment": Change('COMMENT ON COLUMN "order"."Ünïcode ☃" IS NULL', undefined("comments")),
    "a default": Change("ALTER TABLE everything ALTER COLUMN amount SET DEFAULT 22", undefined("columns")),
    "a NOT NULL": Change("ALTER TABLE everything ALTER COLUMN amount DROP NOT NULL", undefined("columns")),
    "an enum's label": Change("ALTER TYPE mood ADD VALUE 'worse' BEFORE 'sad'", undefined("types")),
    "a function": Change(
        "CREATE OR REPLACE FUNCTION same(integer, mood) RETURNS boolean LANGUAGE sql IMMUTABLE "
        "AS 'SELECT $1 < 0'",
        undefined("functions"),
    ),
    "a rule": Change('DROP RULE "keep it" ON twins', undefined("rules")),
    "a view's check": Change("ALTER VIEW cheap RESET (check_option)", undefined("views")),
    "a materialized view filled": Change("REFRESH MATERIALIZED VIEW never", undefined("views")),
    "an event trigger": Change("ALTER EVENT TRIGGER noticed ENABLE", undefined("event triggers")),
    "a publication": Change('ALTER PUBLICATION "some" DROP TABLE chicken', undefined("publications")),
    "what a sequence does": Change("ALTER SEQUENCE never_used INCREMENT 2", undefined("sequences")),
    "statistics": Change('DROP STATISTICS "how they go"', undefined("statistics")),
    "a cast": Change("DROP CAST (t AS text)", undefined("casts")),
    "an operator": Change("DROP OPERATOR === (integer, mood)", undefined("operators")),
    "a collation": Change('CREATE COLLATION more FROM "C"', undefined("collations")),
    "text search": Change(
        "ALTER TEXT SEARCH CONFIGURATION loud DROP MAPPING FOR word", undefined("text search")
    ),
    "a schema": Change("CREATE SCHEMA more", undefined("schemas"), several=True),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_and_named(odd: Odd, database: NewDatabase, change: Change) -> None:
    copy = database("copy", template=odd.name)
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute(change.statement)
    told = differences(odd.figures, taken(copy))
    assert change.found in told
    assert change.several or told == [change.found]


def test_what_is_ignored_is_not_told(odd: Odd) -> None:
    other = odd.figures.model_copy(update={"tables": (), "extensions": {}, "definitions": {}})
    parts = {"tables", "extensions", *odd.figures.definitions}
    assert len(differences(odd.figures, other)) > 40
    assert differences(odd.figures, other, ignoring=parts - {"owners"}) == [undefined("owners")]
    assert not differences(odd.figures, other, ignoring=parts)


def test_a_sequence_may_stand_ahead(odd: Odd, database: NewDatabase) -> None:
    copy = database("copy", template=odd.name)
    with psycopg.connect(copy, autocommit=True) as connection:
        connection.execute("SELECT nextval('many_more'), nextval('counting_down'), setval('never_used', 99)")
    assert not differences(odd.figures, taken(copy))
