"""A deep verification finds nothing wrong with a good copy, and names each object that differs."""

from typing import LiteralString

import psycopg
import pytest
from attesting import SIGN, TRUST
from dump_fixtures import execute
from servers import NewDatabase
from vaults import ProxiedVault

from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.definitions import Definitions, compare_definitions
from recovery.postgres.snapshot import take_snapshot
from recovery.verify import CreateScratchDatabase, verify

HASHED_BY_ENUM: LiteralString = """
    CREATE SCHEMA app;
    CREATE TYPE app.mood AS ENUM ('', 'a', 'b', 'c', 'd', 'e');
    CREATE TABLE app.hp (e app.mood, v int) PARTITION BY HASH (e);
    CREATE TABLE app.hp0 PARTITION OF app.hp FOR VALUES WITH (MODULUS 2, REMAINDER 0) PARTITION BY RANGE (v);
    CREATE TABLE app.hp0_low PARTITION OF app.hp0 FOR VALUES FROM (MINVALUE) TO (10);
    CREATE TABLE app.hp0_high PARTITION OF app.hp0 DEFAULT;
    CREATE TABLE app.hp1 PARTITION OF app.hp FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    INSERT INTO app.hp SELECT e, v FROM unnest(enum_range(NULL::app.mood)) e, generate_series(1, 20) v;
    CREATE TABLE app.by_text (e text) PARTITION BY HASH (e);
    CREATE TABLE app.by_text0 PARTITION OF app.by_text FOR VALUES WITH (MODULUS 1, REMAINDER 0);
    INSERT INTO app.by_text VALUES ('x');
"""


def take_backup(url: str, vault: ProxiedVault) -> Manifest:
    context = RecoveryContext(
        "test",
        {"primary": vault.client, "replica": vault.client},
        {},
        {},
        TRUST,
        SIGN,
        store="database",
        database_url=url,
    )
    return back_up(context)


def test_rows_that_a_hash_of_an_enum_distributes_are_compared_as_a_whole(
    new_database: NewDatabase, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    url = new_database()
    execute(url, HASHED_BY_ENUM)
    manifest = take_backup(url, locked_vault)
    assert {(partition.name, partition.root) for partition in manifest.figures.rehashed} == {
        (name, ("app", "hp")) for name in ("hp0_low", "hp0_high", "hp1")
    }
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()
    earlier = manifest.model_copy(
        update={
            "definitions": None,
            "figures": manifest.figures.model_copy(update={"rehashed": ()}),
        }
    )
    assert verify(earlier, locked_vault.client, scratch=scratch).problems == ()


def test_a_row_that_is_missing_in_such_partitions_is_noticed(new_database: NewDatabase) -> None:
    url = new_database()
    execute(url, HASHED_BY_ENUM)
    with take_snapshot(url) as snapshot:
        before = compute_checksums(url, snapshot)
    execute(url, "DELETE FROM app.hp WHERE e = 'a' AND v = 3")
    with take_snapshot(url) as snapshot:
        after = compute_checksums(url, snapshot)
    assert compare_checksums(before, after) == ['Table "app"."hp" has 119 rows; 120 were expected.']


def test_settings_of_the_source_change_no_definition_of_its_copy(
    new_database: NewDatabase, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    url = new_database("quoting")
    execute(
        url,
        """
        CREATE SCHEMA app;
        CREATE TYPE app.mood AS ENUM ('sad');
        SET search_path = app, public;
        CREATE DOMAIN app.mooded AS mood DEFAULT 'sad';
        CREATE TEXT SEARCH DICTIONARY app.words (TEMPLATE = simple, stopwords = 'english', accept = 'false');
        CREATE FUNCTION app.quoted() RETURNS text LANGUAGE sql AS 'SELECT E''a\\\\b''';
        ALTER DATABASE quoting SET quote_all_identifiers = on;
        ALTER DATABASE quoting SET standard_conforming_strings = off;
        ALTER DATABASE quoting SET bytea_output = 'escape';
        ALTER DATABASE quoting SET search_path = app;
        """,
    )
    manifest = take_backup(url, locked_vault)
    assert verify(manifest, locked_vault.client, scratch=scratch).problems == ()


def test_differences_name_the_object_with_what_was_expected_and_found(new_database: NewDatabase) -> None:
    url = new_database("differing")
    execute(
        url,
        """
        CREATE SCHEMA app;
        CREATE TABLE app.t (id int PRIMARY KEY, kept text DEFAULT 'a', gone int);
        CREATE FUNCTION app.secret() RETURNS text LANGUAGE sql AS $$SELECT 'password=planted1'::text$$;
        CREATE VIEW app.v AS SELECT id FROM app.t;
        """,
    )
    before = read_all(url)
    execute(
        url,
        """
        ALTER TABLE app.t DROP COLUMN gone, ADD COLUMN new int, ALTER COLUMN kept SET DEFAULT 'b';
        ALTER SCHEMA app OWNER TO pg_database_owner;
        CREATE OR REPLACE FUNCTION app.secret() RETURNS text LANGUAGE sql
            AS $$SELECT 'password=planted2'::text$$;
        """,
    )
    after = read_all(url)
    sentences = [
        sentence
        for kind in ("columns", "owners", "functions", "views")
        for sentence in compare_definitions(kind, before.kinds[kind], after.kinds[kind])
    ]
    text = "\n".join(sentences)
    assert "planted" not in text
    assert sentences[0].startswith(
        'The column app.t.gone is not as expected: expected "app.t gone #3 integer'
    )
    assert sentences[0].endswith("found nothing.")
    assert "The column app.t.kept is not as expected" in text
    assert "'a'" in sentences[1]
    assert "'b'" in sentences[1]
    assert "The owner of schema app is not as expected" in text
    assert "cloud_admin" in text
    assert "pg_database_owner" in text
    assert "The function app.secret() is not as expected" in text
    assert "differs in a secret" in text
    assert Definitions.from_bytes([before.to_bytes()]) == before


def test_many_differences_and_long_ones_are_bounded_and_printable() -> None:
    expected = [(f"f{number}", f"{'x' * 10_000}{number}\x1b[31m") for number in range(100)]
    actual = [(name, f"{text}!") for name, text in expected]
    sentences = compare_definitions("functions", expected, actual)
    assert len(sentences) == 21
    assert sentences[-1] == "And 80 more of the functions."
    assert all(len(sentence) < 700 and sentence.isprintable() for sentence in sentences)


@pytest.mark.parametrize("name", ["owners", "schemas"])
def test_a_verification_names_what_differs(
    name: str, new_database: NewDatabase, locked_vault: ProxiedVault, scratch: CreateScratchDatabase
) -> None:
    url = new_database()
    execute(url, "CREATE SCHEMA app; CREATE TABLE app.t (id int)")
    manifest = take_backup(url, locked_vault)
    damaged = manifest.figures.definitions | {name: "0" * 64}
    changed = manifest.model_copy(
        update={"figures": manifest.figures.model_copy(update={"definitions": damaged})}
    )
    problems = verify(changed, locked_vault.client, scratch=scratch).problems
    assert problems == (f"The {name} are not defined as expected.",)


def read_all(url: str) -> Definitions:
    found: list[Definitions] = []
    with take_snapshot(url) as snapshot, psycopg.connect(url):
        compute_checksums(url, snapshot, on_definitions=found.append)
    return found[0]
