"""
SQL queries that write each object of a database, except rows, as its name and one line of text.

Each query is appended to `COMMON`. `{whole}` is whether the whole database is meant, `{selected}` the object
ids of the selected relations otherwise. 16384 is the first object id that does not come with the server.

The texts are hashed into manifests (recovery.postgres.definitions): a changed text makes the database differ
from its earlier backups.
"""

from typing import LiteralString

COMMON: LiteralString = """
    WITH member AS MATERIALIZED (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
    namespace AS MATERIALIZED (
        SELECT n.*, {whole} AND NOT EXISTS (
            SELECT FROM member m WHERE m.classid = n.tableoid AND m.objid = n.oid) AS own
        FROM pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
    relation AS MATERIALIZED (
        SELECT c.*, format('%I.%I', s.nspname, c.relname) AS label
        FROM pg_class c JOIN namespace s ON s.oid = c.relnamespace
        WHERE c.relpersistence <> 't' AND ({whole} OR c.oid = ANY({selected}::oid[]))
          AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S', 'c')
          AND NOT EXISTS (SELECT FROM member m WHERE m.classid = c.tableoid AND m.objid = c.oid)),
    type AS MATERIALIZED (
        SELECT t.*, format('%I.%I', s.nspname, t.typname) AS label
        FROM pg_type t JOIN namespace s ON s.oid = t.typnamespace
        WHERE {whole} AND t.typtype <> 'm'
          -- Without the array type of each type and the row type of each table.
          AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
          AND (t.typrelid = 0 OR EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
          AND NOT EXISTS (SELECT FROM member m WHERE m.classid = t.tableoid AND m.objid = t.oid)),
    routine AS MATERIALIZED (
        SELECT p.* FROM pg_proc p JOIN namespace s ON s.oid = p.pronamespace
        WHERE {whole}
          AND NOT EXISTS (SELECT FROM member m WHERE m.classid = p.tableoid AND m.objid = p.oid)
          -- Without the constructors of range types.
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = p.tableoid AND d.objid = p.oid
                          AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass))
"""
"""Common table expressions for every query below: extension members, and the objects that are no members."""

# Without tablespaces, which are directories of one server. An attached partition and one that was created as
# a partition are the same.
_TABLES = """
    SELECT r.label, concat_ws(' ', r.label, r.relkind, r.relpersistence, 'USING ' || m.amname,
        'WITH ' || (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(r.reloptions) AS o),
        'TOAST ' || (SELECT string_agg(o, ',' ORDER BY o) FROM pg_class t, unnest(t.reloptions) AS o
                     WHERE t.oid = r.reltoastrelid),
        'OF ' || format_type(nullif(r.reloftype, 0), NULL), 'REPLICA IDENTITY ' || r.relreplident::text,
        CASE WHEN r.relrowsecurity THEN 'ROW SECURITY' END,
        CASE WHEN r.relforcerowsecurity THEN 'FORCED' END,
        'PARTITION BY ' || CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
        pg_get_expr(r.relpartbound, r.oid),
        'INHERITS ' || (SELECT string_agg(i.inhparent::regclass::text, ',' ORDER BY i.inhseqno)
                        FROM pg_inherits i WHERE i.inhrelid = r.oid),
        (SELECT format('SERVER %I %s', s.srvname, f.ftoptions)
         FROM pg_foreign_table f JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = r.oid))
    FROM relation r LEFT JOIN pg_am m ON m.oid = r.relam WHERE r.relkind IN ('r', 'p', 'f')
"""

# Without positions in a table that inherits: a dump creates the inherited columns first.
_COLUMNS = """
    SELECT format('%s.%I', r.label, a.attname), concat_ws(' ', r.label, quote_ident(a.attname),
        CASE WHEN r.relispartition OR NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid)
             THEN '#' || row_number() OVER (PARTITION BY r.oid ORDER BY a.attnum) END,
        format_type(a.atttypid, a.atttypmod),
        CASE WHEN a.attcollation NOT IN (0, t.typcollation)
             THEN 'COLLATE ' || a.attcollation::regcollation END,
        CASE WHEN a.attnotnull THEN 'NOT NULL' END,
        'IDENTITY ' || nullif(a.attidentity::text, ''), 'GENERATED ' || nullif(a.attgenerated::text, ''),
        'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
        'STORAGE ' || a.attstorage::text, 'COMPRESSION ' || nullif(a.attcompression::text, ''),
        'STATISTICS ' || nullif(a.attstattarget, -1), 'WITH ' || a.attoptions::text,
        'OPTIONS ' || a.attfdwoptions::text)
    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
    WHERE r.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND a.attnum > 0 AND NOT a.attisdropped
"""

# Without NOT NULL, which is among the columns: servers before 18 have no constraint for it. Without foreign
# keys that derive from a partitioned table's, whose names the server generates.
_CONSTRAINTS = """
    SELECT format('%I on %s', c.conname, r.label),
        concat_ws(' ', r.label, quote_ident(c.conname), pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
    WHERE c.contype NOT IN ('t', 'n') AND NOT (c.contype = 'f' AND c.conparentid <> 0)
    UNION ALL
    SELECT format('%I on %s', c.conname, t.label),
        concat_ws(' ', t.label, quote_ident(c.conname), pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN type t ON t.oid = c.contypid WHERE c.contype <> 'n'
"""

# Without invalid indexes, left by a failed CREATE INDEX CONCURRENTLY: pg_dump skips them.
_INDEXES = """
    SELECT i.indexrelid::regclass::text, concat_ws(' ', pg_get_indexdef(i.indexrelid),
        CASE WHEN i.indisclustered THEN 'CLUSTERED' END,
        CASE WHEN i.indisreplident THEN 'REPLICA IDENTITY' END,
        'PART OF ' || (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
        'STATISTICS ' || (SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum)
                          FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0))
    FROM pg_index i JOIN relation r ON r.oid = i.indrelid
    WHERE i.indisready AND (i.indisvalid OR r.relkind = 'p')
"""

_TRIGGERS = """
    SELECT format('%I on %s', t.tgname, r.label),
        concat_ws(' ', pg_get_triggerdef(t.oid), 'ENABLED ' || t.tgenabled::text)
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
"""

_RULES = """
    SELECT format('%I on %s', w.rulename, r.label),
        concat_ws(' ', pg_get_ruledef(w.oid), 'ENABLED ' || w.ev_enabled::text)
    FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
"""

_VIEWS = """
    SELECT r.label, concat_ws(' ', r.label, r.relkind,
        (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(r.reloptions) AS o),
        CASE WHEN r.relkind = 'm' AND NOT r.relispopulated THEN 'NOT POPULATED' END, pg_get_viewdef(r.oid))
    FROM relation r WHERE r.relkind IN ('v', 'm')
"""

_POLICIES = """
    SELECT format('%I on %s', p.polname, r.label), concat_ws(' ', r.label, quote_ident(p.polname), p.polcmd,
        CASE WHEN NOT p.polpermissive THEN 'RESTRICTIVE' END,
        'TO ' || (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ','
                                    ORDER BY pg_get_userbyid(o)) FROM unnest(p.polroles) AS o),
        'USING ' || pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
"""

_SEQUENCES = """
    SELECT r.label, concat_ws(' ', r.label, r.relpersistence, format_type(s.seqtypid, NULL), s.seqstart,
        s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
        (SELECT format('OWNED BY %s.%I', a.attrelid::regclass, a.attname)
         FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
           AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    FROM pg_sequence s JOIN relation r ON r.oid = s.seqrelid
"""

# No statistics target is -1 in some versions and NULL in others.
_STATISTICS = """
    SELECT format('%s.%I', s.stxnamespace::regnamespace, s.stxname),
        concat_ws(' ', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1))
    FROM pg_statistic_ext s JOIN relation r ON r.oid = s.stxrelid
"""

_SCHEMAS = "SELECT quote_ident(s.nspname), quote_ident(s.nspname) FROM namespace s WHERE s.own"

_TYPES = """
    SELECT t.label, concat_ws(' ', t.label, t.typtype,
        (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
         FROM pg_enum e WHERE e.enumtypid = t.oid),
        CASE WHEN t.typtype = 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
             'COLLATE ' || nullif(t.typcollation, 0)::regcollation,
             CASE WHEN t.typnotnull THEN 'NOT NULL' END,
             'DEFAULT ' || coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault)) END,
        (SELECT concat_ws(' ', format_type(r.rngsubtype, NULL), nullif(r.rngcollation, 0)::regcollation,
                'MULTI ' || format_type(r.rngmultitypid, NULL), r.rngcanonical, r.rngsubdiff,
                (SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc))
         FROM pg_range r WHERE r.rngtypid = t.oid),
        CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typlen, t.typalign) END)
    FROM type t WHERE t.typtype IN ('b', 'd', 'e', 'r')
"""

_FUNCTIONS = """
    SELECT f.oid::regprocedure::text, pg_get_functiondef(f.oid) FROM routine f WHERE f.prokind <> 'a'
    UNION ALL
    SELECT f.oid::regprocedure::text,
        concat_ws(' ', f.oid::regprocedure, f.proparallel, format_type(a.aggtranstype, NULL),
        format_type(nullif(a.aggmtranstype, 0), NULL), nullif(a.aggsortop, 0)::regoperator,
        to_jsonb(a) - '{aggfnoid,aggtranstype,aggmtranstype,aggsortop}'::text[])
    FROM routine f JOIN pg_aggregate a ON a.aggfnoid = f.oid
"""

_OPERATORS = """
    SELECT o.oid::regoperator::text,
        concat_ws(' ', o.oid::regoperator, o.oprcode, nullif(o.oprcom, 0)::regoperator,
        nullif(o.oprnegate, 0)::regoperator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash)
    FROM pg_operator o JOIN namespace s ON s.oid = o.oprnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_operator'::regclass AND m.objid = o.oid)
"""

_CASTS = """
    SELECT concat_ws(' AS ', format_type(c.castsource, NULL), format_type(c.casttarget, NULL)),
        concat_ws(' ', format_type(c.castsource, NULL), 'AS', format_type(c.casttarget, NULL),
        nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod)
    FROM pg_cast c WHERE c.oid >= 16384
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_cast'::regclass AND m.objid = c.oid)
"""

# Without the version, which is that of a library on the server.
_COLLATIONS = """
    SELECT format('%I.%I', s.nspname, c.collname),
           concat_ws(' ', quote_ident(s.nspname),
                     jsonb_strip_nulls(to_jsonb(c)) - '{oid,collnamespace,collowner,collversion}'::text[])
    FROM pg_collation c JOIN namespace s ON s.oid = c.collnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_collation'::regclass AND m.objid = c.oid)
"""

# The server stores a dictionary's options as text, in which the setting quote_all_identifiers of the session
# that wrote them decides about the quotes around names.
_TEXT_SEARCH = """
    SELECT i.identity, concat_ws(' ', i.type, i.identity,
        regexp_replace(d.dictinitoption, '(''[^'']*'')|"([a-z_][a-z0-9_]*)"', '\\1\\2', 'g'),
        (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate))
    FROM pg_ts_dict d JOIN namespace s ON s.oid = d.dictnamespace,
         pg_identify_object('pg_ts_dict'::regclass, d.oid, 0) i
    UNION ALL
    SELECT i.identity, concat_ws(' ', i.type, i.identity,
        (SELECT p.prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser),
        (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), ','
                           ORDER BY m.maptokentype, m.mapseqno)
         FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
    FROM pg_ts_config c JOIN namespace s ON s.oid = c.cfgnamespace,
         pg_identify_object('pg_ts_config'::regclass, c.oid, 0) i
"""

_EVENT_TRIGGERS = """
    SELECT quote_ident(e.evtname),
        concat_ws(' ', quote_ident(e.evtname), e.evtevent, e.evtenabled, e.evtfoid::regprocedure, e.evttags)
    FROM pg_event_trigger e
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
"""

# The view shows the tables as they are now, not as in the snapshot.
_PUBLICATIONS = """
    SELECT quote_ident(p.pubname), (to_jsonb(p) - '{oid,pubowner}'::text[])::text FROM pg_publication p
    UNION ALL
    SELECT format('%I of %I.%I', t.pubname, t.schemaname, t.tablename),
        concat_ws(' ', to_jsonb(t) - 'attnames',
        (SELECT string_agg(quote_ident(n), ',' ORDER BY n)
         FROM jsonb_array_elements_text(nullif(to_jsonb(t) -> 'attnames', 'null')) AS n))
    FROM pg_publication_tables t JOIN relation r ON r.label = format('%I.%I', t.schemaname, t.tablename)
"""

# Without the options of user mappings, which hold passwords.
_FOREIGN = """
    SELECT quote_ident(w.fdwname),
        concat_ws(' ', quote_ident(w.fdwname), nullif(w.fdwhandler, 0)::regproc, w.fdwoptions)
    FROM pg_foreign_data_wrapper w
    WHERE NOT EXISTS (SELECT FROM member m
                      WHERE m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid)
    UNION ALL
    SELECT quote_ident(s.srvname),
        concat_ws(' ', quote_ident(s.srvname), quote_ident(w.fdwname), s.srvtype, s.srvversion, s.srvoptions)
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
    UNION ALL
    SELECT format('%I on %I', u.usename, u.srvname),
        concat_ws(' ', quote_ident(u.srvname), 'FOR', quote_ident(u.usename)) FROM pg_user_mappings u
"""

# Rare kinds of objects, by name only.
_OTHERS = """
    SELECT concat_ws(' ', i.type, i.identity), concat_ws(' ', i.type, i.identity)
    FROM (SELECT tableoid, oid FROM pg_am UNION ALL SELECT tableoid, oid FROM pg_amop
          UNION ALL SELECT tableoid, oid FROM pg_amproc UNION ALL SELECT tableoid, oid FROM pg_conversion
          UNION ALL SELECT tableoid, oid FROM pg_language UNION ALL SELECT tableoid, oid FROM pg_opclass
          UNION ALL SELECT tableoid, oid FROM pg_opfamily UNION ALL SELECT tableoid, oid FROM pg_transform
          UNION ALL SELECT tableoid, oid FROM pg_ts_parser UNION ALL SELECT tableoid, oid FROM pg_ts_template
         ) AS o, pg_identify_object(o.tableoid, o.oid, 0) i
    WHERE o.oid >= 16384 AND coalesce(i.schema, '') !~ '^pg_'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = o.tableoid AND m.objid = o.oid)
      -- What belongs to an extension's operator family is a member of the extension indirectly.
      AND NOT EXISTS (SELECT FROM pg_depend d
                      JOIN member m ON m.classid = d.refclassid AND m.objid = d.refobjid
                      WHERE d.classid = o.tableoid AND d.objid = o.oid AND d.deptype IN ('a', 'i'))
"""

# pg_identify_object returns NULL for a large object that was deleted after the snapshot. Without comments on
# extensions: they come with the extension, and only its owner can set them.
_COMMENTS = """
    SELECT concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, d.objoid::text)),
        concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, d.objoid::text),
        quote_literal(d.description))
    FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    WHERE (d.objoid >= 16384 OR i.identity = 'public' AND d.classoid = 'pg_namespace'::regclass)
      AND d.classoid <> 'pg_extension'::regclass AND coalesce(i.schema, '') !~ '^pg_'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = d.classoid AND m.objid = d.objoid)
      AND ({whole} OR d.classoid = 'pg_class'::regclass AND d.objoid IN (SELECT oid FROM relation))
"""

_SECURITY_LABELS = """
    SELECT concat_ws(' ', i.type, i.identity),
        concat_ws(' ', i.type, i.identity, l.provider, quote_literal(l.label))
    FROM pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) i
    WHERE l.objoid >= 16384 AND coalesce(i.schema, '') !~ '^pg_'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = l.classoid AND m.objid = l.objoid)
"""

_OWNERS = """
    SELECT concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, o.oid::text)),
        concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, o.oid::text),
        quote_ident(pg_get_userbyid(o.owner)))
    FROM (SELECT 'pg_class'::regclass AS class, r.oid, r.relowner AS owner FROM relation r
                    WHERE r.relkind <> 'c'
          UNION ALL SELECT 'pg_namespace'::regclass, s.oid, s.nspowner FROM namespace s WHERE s.own
          UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typowner FROM type t
          UNION ALL SELECT 'pg_proc'::regclass, f.oid, f.proowner FROM routine f
          UNION ALL SELECT 'pg_largeobject'::regclass, l.oid, l.lomowner FROM pg_largeobject_metadata l
                    WHERE {whole}
          UNION ALL SELECT p.tableoid, p.oid, p.pubowner FROM pg_publication p WHERE {whole}
          UNION ALL SELECT e.tableoid, e.oid, e.evtowner FROM pg_event_trigger e WHERE {whole}
          UNION ALL SELECT s.tableoid, s.oid, s.srvowner FROM pg_foreign_server s WHERE {whole}
         ) AS o, pg_identify_object(o.class, o.oid, 0) i
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = o.class AND m.objid = o.oid)
"""

# Privileges as differences from the defaults of the object's kind: an explicit list that equals the defaults
# counts as none, and a default privilege that only newer servers have does not show. Without the grantor.
_GRANTS = """
    SELECT concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, o.oid::text)),
        concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, o.oid::text), g.given,
        CASE g.grantee WHEN 0 THEN 'PUBLIC' WHEN o.owner THEN 'the owner'
             ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
        g.privilege_type, CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' END)
    FROM (SELECT 'pg_class'::regclass AS class, r.oid, 0 AS part, r.relowner AS owner, r.relacl AS acl,
                 CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind FROM relation r
          UNION ALL SELECT 'pg_class'::regclass, r.oid, a.attnum, r.relowner, a.attacl, 'c'
                    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid WHERE NOT a.attisdropped
          UNION ALL SELECT 'pg_namespace'::regclass, s.oid, 0, s.nspowner, s.nspacl, 'n' FROM namespace s
                    WHERE s.own
          UNION ALL SELECT 'pg_type'::regclass, t.oid, 0, t.typowner, t.typacl, 'T' FROM type t
          UNION ALL SELECT 'pg_proc'::regclass, f.oid, 0, f.proowner, f.proacl, 'f' FROM routine f
          UNION ALL SELECT 'pg_largeobject'::regclass, l.oid, 0, l.lomowner, l.lomacl, 'L'
                    FROM pg_largeobject_metadata l WHERE {whole}
          UNION ALL SELECT s.tableoid, s.oid, 0, s.srvowner, s.srvacl, 'S' FROM pg_foreign_server s
                    WHERE {whole}
         ) AS o,
         pg_identify_object(o.class, o.oid, o.part) i,
         LATERAL (
            (SELECT 'may' AS given, grantee, privilege_type, is_grantable FROM aclexplode(o.acl)
             EXCEPT SELECT 'may', grantee, privilege_type, is_grantable
                    FROM aclexplode(acldefault(o.kind, o.owner)))
            UNION ALL
            (SELECT 'may not', grantee, privilege_type, is_grantable
             FROM aclexplode(acldefault(o.kind, o.owner))
             EXCEPT SELECT 'may not', grantee, privilege_type, is_grantable FROM aclexplode(o.acl))) AS g
    WHERE o.acl IS NOT NULL
    UNION ALL
    SELECT concat_ws(' ', 'default privileges of', pg_get_userbyid(d.defaclrole), 'in ' || s.nspname),
        concat_ws(' ', 'default', d.defaclobjtype, quote_ident(s.nspname),
        quote_ident(pg_get_userbyid(d.defaclrole)),
        CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
        g.privilege_type, CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' END)
    FROM pg_default_acl d LEFT JOIN namespace s ON s.oid = d.defaclnamespace, aclexplode(d.defaclacl) AS g
    WHERE {whole}
"""

RELATIONS: dict[str, LiteralString] = {
    "tables": _TABLES,
    "columns": _COLUMNS,
    "constraints": _CONSTRAINTS,
    "indexes": _INDEXES,
    "triggers": _TRIGGERS,
    "rules": _RULES,
    "views": _VIEWS,
    "policies": _POLICIES,
    "sequences": _SEQUENCES,
    "statistics": _STATISTICS,
}
"""Kind -> query about relations: about all of them, or about the selected ones."""

OBJECTS: dict[str, LiteralString] = {
    "schemas": _SCHEMAS,
    "types": _TYPES,
    "functions": _FUNCTIONS,
    "operators": _OPERATORS,
    "casts": _CASTS,
    "collations": _COLLATIONS,
    "text_search": _TEXT_SEARCH,
    "event_triggers": _EVENT_TRIGGERS,
    "publications": _PUBLICATIONS,
    "foreign": _FOREIGN,
    "security_labels": _SECURITY_LABELS,
    "others": _OTHERS,
}
"""Kind -> query about objects that belong to no table. A dump of selected tables has none of them."""

ATTRIBUTES: dict[str, LiteralString] = {"comments": _COMMENTS, "owners": _OWNERS, "grants": _GRANTS}
"""Kind -> query about comments, owners and privileges of all objects, or of the selected relations."""
