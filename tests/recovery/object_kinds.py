"""
One example of each kind of object that a database can hold: SQL for a schema of its own.

The kinds are those of PostgreSQL's CREATE statements and of their variants. Objects without a schema have the
example's name in their own.
"""

from typing import Final, LiteralString

EXAMPLES: Final[dict[str, LiteralString]] = {
    "plain_table": "CREATE TABLE t (a int NOT NULL, b text)",
    "unlogged_table": "CREATE UNLOGGED TABLE t (a int)",
    "typed_table": "CREATE TYPE row_type AS (a int); CREATE TABLE t OF row_type (PRIMARY KEY (a))",
    "inherited_table": "CREATE TABLE parent (a int); CREATE TABLE t (b int) INHERITS (parent)",
    "range_partitions": """
        CREATE TABLE t (a int) PARTITION BY RANGE (a);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (10);
        CREATE TABLE t2 PARTITION OF t DEFAULT
    """,
    "list_partitions": """
        CREATE TABLE t (a int) PARTITION BY LIST (a);
        CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1, 2)
    """,
    "hash_partitions": """
        CREATE TABLE t (a int) PARTITION BY HASH (a);
        CREATE TABLE t1 PARTITION OF t FOR VALUES WITH (MODULUS 1, REMAINDER 0)
    """,
    "nested_partitions": """
        CREATE TABLE t (a int, b int) PARTITION BY LIST (a);
        CREATE TABLE t1 PARTITION OF t DEFAULT PARTITION BY RANGE (b);
        CREATE TABLE t2 PARTITION OF t1 FOR VALUES FROM (MINVALUE) TO (MAXVALUE)
    """,
    "table_options": "CREATE TABLE t (a text) WITH (fillfactor = 50, toast.autovacuum_enabled = false)",
    "column_options": """
        CREATE TABLE t (a text COMPRESSION pglz, b text);
        ALTER TABLE t ALTER a SET STORAGE EXTERNAL, ALTER b SET STATISTICS 7, ALTER b SET
            (n_distinct = 5)
    """,
    "identity_column": "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 2))",
    "serial_column": "CREATE TABLE t (a serial)",
    "stored_generated_column": "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) STORED)",
    "virtual_generated_column": "CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL)",
    "column_default": """
        CREATE TABLE t (a timestamptz DEFAULT now(), b text COLLATE "C" DEFAULT 'it''s')
    """,
    "not_null_constraint": "CREATE TABLE t (a int CONSTRAINT filled NOT NULL)",
    "not_null_not_valid": "CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT filled NOT NULL a NOT VALID",
    "check_constraint": "CREATE TABLE t (a int CONSTRAINT positive CHECK (a > 0) NO INHERIT)",
    "check_not_valid": "CREATE TABLE t (a int); ALTER TABLE t ADD CONSTRAINT c CHECK (a > 0) NOT VALID",
    "check_not_enforced": "CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0) NOT ENFORCED)",
    "unique_constraint": "CREATE TABLE t (a int, UNIQUE NULLS NOT DISTINCT (a))",
    "deferrable_key": "CREATE TABLE t (a int, PRIMARY KEY (a) DEFERRABLE INITIALLY DEFERRED)",
    "foreign_key": """
        CREATE TABLE p (a int PRIMARY KEY);
        CREATE TABLE t (a int REFERENCES p ON DELETE SET NULL ON UPDATE CASCADE DEFERRABLE)
    """,
    "foreign_key_not_valid": """
        CREATE TABLE p (a int PRIMARY KEY);
        CREATE TABLE t (a int);
        ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p NOT VALID
    """,
    "exclusion_constraint": "CREATE TABLE t (a int4range, EXCLUDE USING gist (a WITH &&))",
    "temporal_key": "CREATE TABLE t (a int4range, b tsrange, PRIMARY KEY (a, b WITHOUT OVERLAPS))",
    "btree_index": "CREATE TABLE t (a int, b int); CREATE INDEX i ON t (a DESC NULLS LAST) INCLUDE (b)",
    "partial_index": "CREATE TABLE t (a int); CREATE UNIQUE INDEX i ON t (a) WHERE a > 3",
    "expression_index": """
        CREATE TABLE t (a text);
        CREATE INDEX i ON t (lower(a) text_pattern_ops);
        ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 99
    """,
    "hash_index": "CREATE TABLE t (a int); CREATE INDEX i ON t USING hash (a)",
    "gin_index": "CREATE TABLE t (a jsonb); CREATE INDEX i ON t USING gin (a jsonb_path_ops)",
    "gist_index": "CREATE TABLE t (a point); CREATE INDEX i ON t USING gist (a)",
    "spgist_index": "CREATE TABLE t (a text); CREATE INDEX i ON t USING spgist (a)",
    "brin_index": "CREATE TABLE t (a int); CREATE INDEX i ON t USING brin (a) WITH (pages_per_range = 4)",
    "partitioned_index": """
        CREATE TABLE t (a int) PARTITION BY LIST (a);
        CREATE TABLE t1 PARTITION OF t DEFAULT;
        CREATE INDEX i ON t (a)
    """,
    "invalid_index": "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (1)",
    "clustered_table": "CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE t CLUSTER ON t_pkey",
    "replica_identity": "CREATE TABLE t (a int); ALTER TABLE t REPLICA IDENTITY FULL",
    "view": """
        CREATE TABLE t (a int);
        CREATE VIEW v WITH (security_barrier, security_invoker) AS SELECT a FROM t
    """,
    "checked_view": """
        CREATE TABLE t (a int);
        CREATE VIEW v AS SELECT a FROM t WHERE a > 1 WITH CASCADED CHECK OPTION;
        ALTER VIEW v ALTER a SET DEFAULT 3
    """,
    "recursive_view": "CREATE RECURSIVE VIEW v (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM v WHERE n < 3",
    "materialized_view": "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a; CREATE UNIQUE INDEX i ON v (a)",
    "unpopulated_view": "CREATE MATERIALIZED VIEW v AS SELECT 1 AS a WITH NO DATA",
    "sequence": """
        CREATE SEQUENCE q AS smallint INCREMENT -2 MINVALUE -10 MAXVALUE 9 START 9 CACHE 3
            CYCLE;
        SELECT nextval('q')
    """,
    "unlogged_sequence": "CREATE UNLOGGED SEQUENCE q",
    "enum_type": "CREATE TYPE e AS ENUM ('a', 'it''s'); ALTER TYPE e ADD VALUE 'z' BEFORE 'a'",
    "composite_type": 'CREATE TYPE c AS (a int, b text COLLATE "C")',
    "domain": "CREATE DOMAIN d AS int DEFAULT 3 CONSTRAINT pos CHECK (VALUE > 0) NOT NULL",
    "range_type": """
        CREATE TYPE r AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name
            = m)
    """,
    "shell_type": "CREATE TYPE shell",
    "base_type": """
        CREATE TYPE b;
        CREATE FUNCTION b_in(cstring) RETURNS b LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
        CREATE FUNCTION b_out(b) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS
            'int4out';
        CREATE TYPE b (INPUT = b_in, OUTPUT = b_out, LIKE = int4)
    """,
    "sql_function": """
        CREATE FUNCTION f(a int, b text DEFAULT 'x', OUT c int) LANGUAGE sql STABLE PARALLEL
            SAFE COST 7 AS 'SELECT 1'
    """,
    "atomic_function": "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT a + 1; END",
    "plpgsql_function": """
        CREATE FUNCTION f() RETURNS SETOF int LANGUAGE plpgsql SECURITY DEFINER ROWS 5 SET
            search_path = pg_catalog AS 'BEGIN RETURN NEXT 1; END'
    """,
    "variadic_function": """
        CREATE FUNCTION f(VARIADIC a int[]) RETURNS TABLE (x int) LANGUAGE sql AS 'SELECT 1'
    """,
    "procedure": "CREATE PROCEDURE f(INOUT a int) LANGUAGE plpgsql AS 'BEGIN a := 1; END'",
    "aggregate": "CREATE AGGREGATE g(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0', PARALLEL = SAFE)",
    "ordered_aggregate": """
        CREATE AGGREGATE g(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE =
            internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA)
    """,
    "row_trigger": """
        CREATE TABLE t (a int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
        CREATE TRIGGER g BEFORE UPDATE OF a ON t FOR EACH ROW WHEN (NEW.a > 1) EXECUTE FUNCTION
            f('x');
        ALTER TABLE t ENABLE ALWAYS TRIGGER g
    """,
    "transition_trigger": """
        CREATE TABLE t (a int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER g AFTER INSERT ON t REFERENCING NEW TABLE AS n EXECUTE FUNCTION f()
    """,
    "constraint_trigger": """
        CREATE TABLE t (a int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER g AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
            EXECUTE FUNCTION f()
    """,
    "view_trigger": """
        CREATE VIEW v AS SELECT 1 AS a;
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER g INSTEAD OF INSERT ON v FOR EACH ROW EXECUTE FUNCTION f()
    """,
    "disabled_trigger": """
        CREATE TABLE t (a int);
        CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
        CREATE TRIGGER g AFTER DELETE ON t EXECUTE FUNCTION f();
        ALTER TABLE t DISABLE TRIGGER g
    """,
    "rule": "CREATE TABLE t (a int); CREATE RULE r AS ON DELETE TO t WHERE OLD.a = 1 DO INSTEAD NOTHING",
    "event_trigger": """
        CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER event_trigger_e ON sql_drop WHEN TAG IN ('DROP TABLE') EXECUTE
            FUNCTION f();
        ALTER EVENT TRIGGER event_trigger_e DISABLE
    """,
    "policy": """
        CREATE TABLE t (a int);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON t AS RESTRICTIVE FOR UPDATE TO kinds_role USING (a > 1) WITH CHECK (a
            > 2)
    """,
    "operator": """
        CREATE FUNCTION f(int, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
        CREATE OPERATOR === (LEFTARG = int, RIGHTARG = text, FUNCTION = f, RESTRICT = eqsel)
    """,
    "operator_class": """
        CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <, OPERATOR 3 =, FUNCTION
            1 btint4cmp(int, int)
    """,
    "operator_family": "CREATE OPERATOR FAMILY o USING hash",
    "cast": """
        CREATE TYPE c AS (a int);
        CREATE FUNCTION f(c) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
        CREATE CAST (c AS int) WITH FUNCTION f(c) AS ASSIGNMENT
    """,
    "inout_cast": "CREATE TYPE c AS (a int); CREATE CAST (c AS text) WITH INOUT",
    "collation": """
        CREATE COLLATION c (provider = builtin, locale = 'C.UTF-8');
        CREATE COLLATION n (provider = libc, locale = 'C')
    """,
    "conversion": "CREATE CONVERSION c FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8",
    "text_search_dictionary": "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = simple, stopwords = 'english')",
    "text_search_configuration": "CREATE TEXT SEARCH CONFIGURATION c (COPY = simple)",
    "text_search_template": "CREATE TEXT SEARCH TEMPLATE d (INIT = dsimple_init, LEXIZE = dsimple_lexize)",
    "text_search_parser": """
        CREATE TEXT SEARCH PARSER p (START = prsd_start, GETTOKEN = prsd_nexttoken, END =
            prsd_end, LEXTYPES = prsd_lextype)
    """,
    "statistics": """
        CREATE TABLE t (a int, b int);
        CREATE STATISTICS s (mcv) ON a, b, (a + b) FROM t;
        ALTER STATISTICS s SET STATISTICS 55
    """,
    "access_method": """
        CREATE ACCESS METHOD access_method_a TYPE TABLE HANDLER heap_tableam_handler;
        CREATE TABLE t (a int) USING access_method_a
    """,
    "language": """
        CREATE FUNCTION h() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
        CREATE LANGUAGE language_l HANDLER h
    """,
    "transform": """
        CREATE TYPE c AS (a int);
        CREATE FUNCTION f(internal) RETURNS internal IMMUTABLE LANGUAGE internal AS 'textin';
        CREATE TRANSFORM FOR c LANGUAGE plpgsql (FROM SQL WITH FUNCTION f(internal))
    """,
    "foreign_data_wrapper": "CREATE FOREIGN DATA WRAPPER foreign_data_wrapper_w OPTIONS (a 'b')",
    "foreign_server": """
        CREATE FOREIGN DATA WRAPPER foreign_server_w;
        CREATE SERVER foreign_server_s TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER
            foreign_server_w OPTIONS (host 'h')
    """,
    "foreign_table": """
        CREATE FOREIGN DATA WRAPPER foreign_table_w;
        CREATE SERVER foreign_table_s FOREIGN DATA WRAPPER foreign_table_w;
        CREATE FOREIGN TABLE t (a int OPTIONS (c 'd')) SERVER foreign_table_s OPTIONS (e 'f')
    """,
    "user_mapping": """
        CREATE FOREIGN DATA WRAPPER user_mapping_w;
        CREATE SERVER user_mapping_s FOREIGN DATA WRAPPER user_mapping_w;
        CREATE USER MAPPING FOR kinds_role SERVER user_mapping_s OPTIONS (password 'planted')
    """,
    "publication": """
        CREATE TABLE t (a int PRIMARY KEY, b int);
        CREATE PUBLICATION publication_p FOR TABLE t (a) WHERE (a > 3) WITH (publish = 'insert,
            delete')
    """,
    "schema_publication": "CREATE PUBLICATION schema_publication_p FOR TABLES IN SCHEMA schema_publication",
    "whole_publication": """
        CREATE PUBLICATION whole_publication_p FOR ALL TABLES WITH (publish_via_partition_root)
    """,
    "subscription": """
        CREATE SUBSCRIPTION subscription_s CONNECTION 'host=127.0.0.1 port=1' PUBLICATION p WITH
            (connect = false, slot_name = NONE, enabled = false)
    """,
    "comments": """
        CREATE TABLE t (a int CONSTRAINT c CHECK (a > 0));
        COMMENT ON TABLE t IS 'x';
        COMMENT ON COLUMN t.a IS 'y';
        COMMENT ON CONSTRAINT c ON t IS 'z';
        COMMENT ON SCHEMA comments IS 's'
    """,
    "owner": """
        CREATE TABLE t (a int);
        ALTER TABLE t OWNER TO kinds_role;
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
        ALTER FUNCTION f() OWNER TO kinds_role
    """,
    "table_grants": """
        CREATE TABLE t (a int, b int);
        GRANT SELECT, MAINTAIN ON t TO kinds_role;
        GRANT UPDATE (b) ON t TO PUBLIC
    """,
    "function_grants": """
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
        REVOKE ALL ON FUNCTION f() FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION f() TO kinds_role WITH GRANT OPTION
    """,
    "type_grants": """
        CREATE TYPE e AS ENUM ('a');
        REVOKE USAGE ON TYPE e FROM PUBLIC;
        GRANT USAGE ON TYPE e TO kinds_role
    """,
    "sequence_grants": "CREATE SEQUENCE q; GRANT USAGE ON SEQUENCE q TO kinds_role",
    "schema_grants": "GRANT CREATE, USAGE ON SCHEMA schema_grants TO kinds_role; CREATE TABLE t (a int)",
    "default_privileges": """
        ALTER DEFAULT PRIVILEGES IN SCHEMA default_privileges GRANT SELECT ON TABLES TO
            kinds_role
    """,
    "odd_names": 'CREATE TABLE "T.""x"" ☃" ("select" int, "a%s{}" text)',
}
"""Name, which is that of a schema and part of the objects' names -> SQL that makes them."""

NOT_IN_A_BACKUP: Final = {
    "invalid_index": ("invalid index", "invalid_index.i"),
    "materialized_view": ("contents of materialized view", "materialized_view.v"),
    "foreign_table": ("rows of foreign table", "foreign_table.t"),
    "user_mapping": ("options of user mapping", "kinds_role on user_mapping_s"),
    "subscription": ("subscription", "subscription_s"),
}
"""Examples of which something must be listed as left out -> its kind and name in the list."""
