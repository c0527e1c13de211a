"""Databases, dumps and queries that the tests of dumps and restores share."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from servers import PASSWORD

from recovery.manifest import DumpContent
from recovery.postgres.client_programs import ClientPrograms, find_client_programs
from recovery.postgres.dump import dump
from recovery.postgres.snapshot import take_snapshot

INTERESTING: LiteralString = """
    CREATE SCHEMA "Odd Schema";
    CREATE TYPE mood AS ENUM ('glad', 'sad''s', 'weiß');
    CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
    CREATE FUNCTION shout(word text) RETURNS text IMMUTABLE LANGUAGE sql
        AS $$ SELECT upper(word) || '!' $$;
    CREATE TABLE customers (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,
        loud text GENERATED ALWAYS AS (shout(name)) STORED, feeling mood, rank positive DEFAULT 1);
    CREATE TABLE orders (
        id serial PRIMARY KEY, sum numeric,
        customer bigint NOT NULL REFERENCES customers (id) ON DELETE CASCADE);
    CREATE TABLE "Odd Schema"."Sel.ect ""x"" ünï *?[a]" (k text, v bytea);
    CREATE TABLE "select" ("from" text);
    CREATE TABLE "Upper" (x integer);
    CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
    CREATE TABLE events_2030 PARTITION OF events FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
    CREATE TABLE events_rest PARTITION OF events DEFAULT;
    CREATE INDEX ON events (what);
    CREATE TABLE animals (name text); CREATE TABLE dogs (breed text) INHERITS (animals);
    CREATE TABLE nothing ();
    CREATE MATERIALIZED VIEW totals AS SELECT customer, count(*) FROM orders GROUP BY customer;
    CREATE TABLE guarded (owner name, secret text); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
    CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
    CREATE TRIGGER stamped BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
    INSERT INTO customers (name, feeling) SELECT 'c' || g, 'weiß' FROM generate_series(1, 500) g;
    INSERT INTO orders (customer, sum) SELECT g, g / 3.0 FROM generate_series(1, 500) g;
    INSERT INTO "Odd Schema"."Sel.ect ""x"" ünï *?[a]" VALUES (E'tab\\t line\\n \\\\.', '\\x00ff');
    INSERT INTO "select" VALUES ('keyword'); INSERT INTO "Upper" VALUES (1);
    INSERT INTO events SELECT date '2030-12-25' + g, 'e' || g FROM generate_series(1, 30) g;
    INSERT INTO animals VALUES ('cat'); INSERT INTO dogs VALUES ('rex', 'mutt');
    REFRESH MATERIALIZED VIEW totals;
    SELECT lo_from_bytea(4242, 'a large object');
    INSERT INTO guarded VALUES ('someone', 'planted-row');
"""
ODD_TABLE = '"Odd Schema"."Sel.ect ""x"" ünï *?[a]"'


def execute(url: str, statements: LiteralString) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements)


def fetch_value(url: str, query: LiteralString) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row
    return row[0]


def find_clients(url: str) -> ClientPrograms:
    return find_client_programs(url, major=18)


@contextmanager
def dump_stream(
    url: str, tables: Sequence[str] = (), content: DumpContent = "all"
) -> Generator[Iterator[bytes]]:
    """Give the stream of a dump. Its snapshot is held until the context ends."""
    with take_snapshot(url) as shot:
        yield dump(find_clients(url), url, shot.id, tables=tables, content=content)


def dump_to_file(url: str, path: Path, tables: Sequence[str] = (), content: DumpContent = "all") -> Path:
    """Dump into a file."""
    with dump_stream(url, tables, content) as chunks:
        path.write_bytes(b"".join(chunks))
    return path


def create_bulk_table(url: str, rows: int) -> None:
    """Create a table with rows of 1000 bytes each, more than a pipe holds."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE bulk (id integer, filler text)")
        connection.execute(
            "INSERT INTO bulk SELECT g, repeat('x', 990) FROM generate_series(1, %s) g", (rows,)
        )


def has_no_secret(text: str) -> bool:
    return PASSWORD not in text and "postgresql://" not in text
