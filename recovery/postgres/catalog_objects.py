"""
The definitions of what belongs to no table, and who owns what and may do what: one query a kind.

Written for recovery.postgres.definitions, as those of catalog_relations are. 16384 is the first object id
that does not come with the server.
"""

from typing import LiteralString

_SCHEMAS = "SELECT quote_ident(s.nspname) FROM space s WHERE s.own"

_TYPES = """
    SELECT concat_ws(' ', t.label, t.typtype,
        (SELECT string_agg(quote_literal(e.enumlabel), ',' ORDER BY e.enumsortorder)
         FROM pg_enum e WHERE e.enumtypid = t.oid),
        CASE WHEN t.typtype = 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
             'COLLATE ' || nullif(t.typcollation, 0)::regcollation,
             CASE WHEN t.typnotnull THEN 'NOT NULL' END, 'DEFAULT ' || t.typdefault) END,
        (SELECT concat_ws(' ', format_type(r.rngsubtype, NULL), nullif(r.rngcollation, 0)::regcollation,
                'MULTI ' || format_type(r.rngmultitypid, NULL), r.rngcanonical, r.rngsubdiff,
                (SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc))
         FROM pg_range r WHERE r.rngtypid = t.oid),
        CASE WHEN t.typtype = 'b' THEN concat_ws(' ', t.typinput, t.typoutput, t.typlen, t.typalign) END)
    FROM type t WHERE t.typtype IN ('b', 'd', 'e', 'r')
"""

_FUNCTIONS = """
    SELECT pg_get_functiondef(f.oid) FROM routine f WHERE f.prokind <> 'a'
    UNION ALL
    SELECT concat_ws(' ', f.oid::regprocedure, f.proparallel, format_type(a.aggtranstype, NULL),
        format_type(nullif(a.aggmtranstype, 0), NULL), nullif(a.aggsortop, 0)::regoperator,
        to_jsonb(a) - '{aggfnoid,aggtranstype,aggmtranstype,aggsortop}'::text[])
    FROM routine f JOIN pg_aggregate a ON a.aggfnoid = f.oid
"""

_OPERATORS = """
    SELECT concat_ws(' ', o.oid::regoperator, o.oprcode, nullif(o.oprcom, 0)::regoperator,
        nullif(o.oprnegate, 0)::regoperator, o.oprrest, o.oprjoin, o.oprcanmerge, o.oprcanhash)
    FROM pg_operator o JOIN space s ON s.oid = o.oprnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_operator'::regclass AND m.objid = o.oid)
"""

_CASTS = """
    SELECT concat_ws(' ', format_type(c.castsource, NULL), 'AS', format_type(c.casttarget, NULL),
        nullif(c.castfunc, 0)::regprocedure, c.castcontext, c.castmethod)
    FROM pg_cast c WHERE c.oid >= 16384
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_cast'::regclass AND m.objid = c.oid)
"""

# Not the version: it is that of a library on the server.
_COLLATIONS = """
    SELECT concat_ws(' ', quote_ident(s.nspname),
                     jsonb_strip_nulls(to_jsonb(c)) - '{oid,collnamespace,collowner,collversion}'::text[])
    FROM pg_collation c JOIN space s ON s.oid = c.collnamespace
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_collation'::regclass AND m.objid = c.oid)
"""

_TEXT_SEARCH = """
    SELECT concat_ws(' ', i.type, i.identity, d.dictinitoption,
        (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = d.dicttemplate))
    FROM pg_ts_dict d JOIN space s ON s.oid = d.dictnamespace,
         pg_identify_object('pg_ts_dict'::regclass, d.oid, 0) i
    UNION ALL
    SELECT concat_ws(' ', i.type, i.identity,
        (SELECT p.prsname FROM pg_ts_parser p WHERE p.oid = c.cfgparser),
        (SELECT string_agg(concat_ws(' ', m.maptokentype, m.mapdict::regdictionary), ','
                           ORDER BY m.maptokentype, m.mapseqno)
         FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))
    FROM pg_ts_config c JOIN space s ON s.oid = c.cfgnamespace,
         pg_identify_object('pg_ts_config'::regclass, c.oid, 0) i
"""

_EVENT_TRIGGERS = """
    SELECT concat_ws(' ', quote_ident(e.evtname), e.evtevent, e.evtenabled, e.evtfoid::regprocedure,
                     e.evttags)
    FROM pg_event_trigger e
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
"""

# The view looks at the tables of now, and not of the snapshot.
_PUBLICATIONS = """
    SELECT (to_jsonb(p) - '{oid,pubowner}'::text[])::text FROM pg_publication p
    UNION ALL
    SELECT concat_ws(' ', to_jsonb(t) - 'attnames',
        (SELECT string_agg(quote_ident(n), ',' ORDER BY n)
         FROM jsonb_array_elements_text(nullif(to_jsonb(t) -> 'attnames', 'null')) AS n))
    FROM pg_publication_tables t JOIN relation r ON r.label = format('%I.%I', t.schemaname, t.tablename)
"""

# A user mapping's options are passwords.
_FOREIGN = """
    SELECT concat_ws(' ', quote_ident(w.fdwname), nullif(w.fdwhandler, 0)::regproc, w.fdwoptions)
    FROM pg_foreign_data_wrapper w
    WHERE NOT EXISTS (SELECT FROM member m
                      WHERE m.classid = 'pg_foreign_data_wrapper'::regclass AND m.objid = w.oid)
    UNION ALL
    SELECT concat_ws(' ', quote_ident(s.srvname), quote_ident(w.fdwname), s.srvtype, s.srvversion,
                     s.srvoptions)
    FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
    UNION ALL
    SELECT concat_ws(' ', quote_ident(u.srvname), 'FOR', quote_ident(u.usename)) FROM pg_user_mappings u
"""

# What is rare is told by name alone.
_OTHERS = """
    SELECT concat_ws(' ', i.type, i.identity)
    FROM (SELECT tableoid, oid FROM pg_am UNION ALL SELECT tableoid, oid FROM pg_amop
          UNION ALL SELECT tableoid, oid FROM pg_amproc UNION ALL SELECT tableoid, oid FROM pg_conversion
          UNION ALL SELECT tableoid, oid FROM pg_language UNION ALL SELECT tableoid, oid FROM pg_opclass
          UNION ALL SELECT tableoid, oid FROM pg_opfamily UNION ALL SELECT tableoid, oid FROM pg_transform
          UNION ALL SELECT tableoid, oid FROM pg_ts_parser UNION ALL SELECT tableoid, oid FROM pg_ts_template
         ) AS o, pg_identify_object(o.tableoid, o.oid, 0) i
    WHERE o.oid >= 16384 AND coalesce(i.schema, '') !~ '^pg_'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = o.tableoid AND m.objid = o.oid)
      -- Members of an extension's operator families are members of it by way of those.
      AND NOT EXISTS (SELECT FROM pg_depend d
                      JOIN member m ON m.classid = d.refclassid AND m.objid = d.refobjid
                      WHERE d.classid = o.tableoid AND d.objid = o.oid AND d.deptype IN ('a', 'i'))
"""

# A large object may be gone by now, though not in the snapshot: then nothing identifies it any more.
# An extension's comment comes with it; only its owner could set it again.
_COMMENTS = """
    SELECT concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, d.objoid::text),
        quote_literal(d.description))
    FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    WHERE (d.objoid >= 16384 OR i.identity = 'public' AND d.classoid = 'pg_namespace'::regclass)
      AND d.classoid <> 'pg_extension'::regclass AND coalesce(i.schema, '') !~ '^pg_'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = d.classoid AND m.objid = d.objoid)
      AND ({whole} OR d.classoid = 'pg_class'::regclass AND d.objoid IN (SELECT oid FROM relation))
"""

_SECURITY_LABELS = """
    SELECT concat_ws(' ', i.type, i.identity, l.provider, quote_literal(l.label))
    FROM pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) i
    WHERE l.objoid >= 16384 AND coalesce(i.schema, '') !~ '^pg_'
      AND NOT EXISTS (SELECT FROM member m WHERE m.classid = l.classoid AND m.objid = l.objoid)
"""

_OWNERS = """
    SELECT concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, o.oid::text),
        quote_ident(pg_get_userbyid(o.owner)))
    FROM (SELECT 'pg_class'::regclass AS class, r.oid, r.relowner AS owner FROM relation r
                    WHERE r.relkind <> 'c'
          UNION ALL SELECT 'pg_namespace'::regclass, s.oid, s.nspowner FROM space s WHERE s.own
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

# As differences from what an object of its kind starts with: a list that says the same as none is the same,
# and a privilege that only newer servers have does not show. Who granted it is no matter of who may do what.
_GRANTS = """
    SELECT concat_ws(' ', coalesce(i.type, 'large object'), coalesce(i.identity, o.oid::text), g.given,
        CASE g.grantee WHEN 0 THEN 'PUBLIC' WHEN o.owner THEN 'the owner'
             ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
        g.privilege_type, CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' END)
    FROM (SELECT 'pg_class'::regclass AS class, r.oid, 0 AS part, r.relowner AS owner, r.relacl AS acl,
                 CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char" AS kind FROM relation r
          UNION ALL SELECT 'pg_class'::regclass, r.oid, a.attnum, r.relowner, a.attacl, 'c'
                    FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid WHERE NOT a.attisdropped
          UNION ALL SELECT 'pg_namespace'::regclass, s.oid, 0, s.nspowner, s.nspacl, 'n' FROM space s
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
    SELECT concat_ws(' ', 'default', d.defaclobjtype, quote_ident(s.nspname),
        quote_ident(pg_get_userbyid(d.defaclrole)),
        CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END,
        g.privilege_type, CASE WHEN g.is_grantable THEN 'WITH GRANT OPTION' END)
    FROM pg_default_acl d LEFT JOIN space s ON s.oid = d.defaclnamespace, aclexplode(d.defaclacl) AS g
    WHERE {whole}
"""

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
"""Kind -> query. A dump of selected tables has none of them."""

ATTRIBUTES: dict[str, LiteralString] = {"comments": _COMMENTS, "owners": _OWNERS, "grants": _GRANTS}
"""Kind -> query, about objects of every kind, or of the selected tables alone."""
