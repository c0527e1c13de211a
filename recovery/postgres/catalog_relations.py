"""
The definitions of tables and what hangs on them: one query a kind, one line of text an object.

Nothing in a line is an object id, or else depends on how the object came to be. Written for
recovery.postgres.definitions, whose common table expressions they use.
The catalogs: https://www.postgresql.org/docs/current/catalogs.html
"""

from typing import LiteralString

# Tablespaces are left out: they are directories of one server. So is how a column came to be inherited: an
# attached partition and one that was created as such are the same.
_TABLES = """
    SELECT concat_ws(' ', r.label, r.relkind, r.relpersistence, 'USING ' || m.amname,
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

# A table that inherits gets its columns in another order from a dump: first those that it inherits.
_COLUMNS = """
    SELECT concat_ws(' ', r.label, quote_ident(a.attname),
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

# NOT NULL is said with the columns; servers before 18 have no constraint for it. Foreign keys that follow
# from a partitioned table's own have names that the server made up.
_CONSTRAINTS = """
    SELECT concat_ws(' ', r.label, quote_ident(c.conname), pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN relation r ON r.oid = c.conrelid
    WHERE c.contype NOT IN ('t', 'n') AND NOT (c.contype = 'f' AND c.conparentid <> 0)
    UNION ALL
    SELECT concat_ws(' ', t.label, quote_ident(c.conname), pg_get_constraintdef(c.oid))
    FROM pg_constraint c JOIN type t ON t.oid = c.contypid WHERE c.contype <> 'n'
"""

# An invalid index, left by a CREATE INDEX CONCURRENTLY that failed, is not dumped.
_INDEXES = """
    SELECT concat_ws(' ', pg_get_indexdef(i.indexrelid),
        CASE WHEN i.indisclustered THEN 'CLUSTERED' END,
        CASE WHEN i.indisreplident THEN 'REPLICA IDENTITY' END,
        'PART OF ' || (SELECT h.inhparent::regclass::text FROM pg_inherits h WHERE h.inhrelid = i.indexrelid),
        'STATISTICS ' || (SELECT string_agg(a.attnum || '=' || a.attstattarget, ',' ORDER BY a.attnum)
                          FROM pg_attribute a WHERE a.attrelid = i.indexrelid AND a.attstattarget >= 0))
    FROM pg_index i JOIN relation r ON r.oid = i.indrelid
    WHERE i.indisready AND (i.indisvalid OR r.relkind = 'p')
"""

_TRIGGERS = """
    SELECT concat_ws(' ', pg_get_triggerdef(t.oid), 'ENABLED ' || t.tgenabled::text)
    FROM pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
"""

_RULES = """
    SELECT concat_ws(' ', pg_get_ruledef(w.oid), 'ENABLED ' || w.ev_enabled::text)
    FROM pg_rewrite w JOIN relation r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
"""

_VIEWS = """
    SELECT concat_ws(' ', r.label, r.relkind,
        (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(r.reloptions) AS o),
        CASE WHEN r.relkind = 'm' AND NOT r.relispopulated THEN 'NOT POPULATED' END, pg_get_viewdef(r.oid))
    FROM relation r WHERE r.relkind IN ('v', 'm')
"""

_POLICIES = """
    SELECT concat_ws(' ', r.label, quote_ident(p.polname), p.polcmd,
        CASE WHEN NOT p.polpermissive THEN 'RESTRICTIVE' END,
        'TO ' || (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(o)) END, ','
                                    ORDER BY pg_get_userbyid(o)) FROM unnest(p.polroles) AS o),
        'USING ' || pg_get_expr(p.polqual, p.polrelid), 'CHECK ' || pg_get_expr(p.polwithcheck, p.polrelid))
    FROM pg_policy p JOIN relation r ON r.oid = p.polrelid
"""

_SEQUENCES = """
    SELECT concat_ws(' ', r.label, r.relpersistence, format_type(s.seqtypid, NULL), s.seqstart,
        s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle,
        (SELECT format('OWNED BY %s.%I', a.attrelid::regclass, a.attname)
         FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
         WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
           AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    FROM pg_sequence s JOIN relation r ON r.oid = s.seqrelid
"""

# In some versions -1, in others NULL is what no target is.
_STATISTICS = """
    SELECT concat_ws(' ', pg_get_statisticsobjdef(s.oid), nullif(s.stxstattarget, -1))
    FROM pg_statistic_ext s JOIN relation r ON r.oid = s.stxrelid
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
"""Kind -> query. With selected tables they tell of these alone."""
