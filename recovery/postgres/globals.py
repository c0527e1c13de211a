"""
The globals of a database, as in pg_dumpall: roles, memberships, settings and what else a dump leaves out.

They are stored beside a dump (`Manifest.cluster`) and restored by recovery.postgres.globals_restore.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, LiteralString, TypeVar, cast

import psycopg
from psycopg.rows import scalar_row

from recovery.manifest import BigInt, ManifestModel


class PostgresRole(ManifestModel):
    """A role that owns or may read something in the database, or a member or a group of one; no password."""

    name: str
    superuser: bool
    inherits: bool
    creates_roles: bool
    creates_databases: bool
    logs_in: bool
    replicates: bool
    bypasses_row_security: bool
    connection_limit: BigInt
    """-1: no limit."""

    valid_until: str | None
    """When the password expires."""

    comment: str | None = None


class Membership(ManifestModel):
    """The grant of `role` to `member`."""

    role: str
    member: str
    admin: bool
    inherits: bool | None
    """None before version 16, where the member's own attribute decides. The same goes for `may_set`."""

    may_set: bool | None


class Setting(ManifestModel):
    """
    A default for the sessions of a role, of the database, or of a role in the database.

    With neither, it is one of `ALTER ROLE ALL`: for all sessions of the server.
    """

    role: str | None
    database: bool
    text: str
    """`name=value`."""


class Grant(ManifestModel):
    """A privilege on the database itself, or on another object that is named beside it."""

    grantee: str | None
    """None: PUBLIC."""

    privilege: str
    grantable: bool


class ParameterGrant(Grant):
    """The privilege to SET a parameter, or to set it by ALTER SYSTEM."""

    parameter: str


class PublicSchema(ManifestModel):
    """The schema `public`, which every new database has: a dump neither creates nor drops it."""

    owner: str
    comment: str | None
    grants: tuple[Grant, ...] | None
    """None: PostgreSQL's defaults."""


class Extension(ManifestModel):
    name: str
    version: str
    schema_name: str
    owner: str


class DefaultPrivilege(ManifestModel):
    """Privileges on objects that `role` creates in future. A dump holds them too."""

    role: str
    schema_name: str | None
    kind: str
    """As in pg_default_acl."""

    acl: tuple[str, ...]


class Globals(ManifestModel):
    """Everything about a database that a dump leaves out."""

    database: str
    owner: str
    comment: str | None
    encoding: str
    collation: str
    character_type: str
    locale_provider: str
    """c: the C library, i: ICU, b: built in."""

    locale: str | None
    connection_limit: BigInt
    tablespace: str
    grants: tuple[Grant, ...] | None
    """None: PostgreSQL's defaults."""

    roles: tuple[PostgresRole, ...]
    memberships: tuple[Membership, ...]
    settings: tuple[Setting, ...]
    extensions: tuple[Extension, ...]
    default_privileges: tuple[DefaultPrivilege, ...]
    tablespaces: tuple[str, ...]
    """Tablespaces of relations outside the default one. A restore uses only the target's default one."""

    # What follows is unknown in documents of earlier versions.
    parameter_grants: tuple[ParameterGrant, ...] = ()
    public_schema: PublicSchema | Literal["absent"] | None = None
    """None: unknown."""

    is_template: bool = False


GlobalsPart = TypeVar("GlobalsPart", bound=ManifestModel)

_VENDOR_ROLES: Final = re.compile(
    r"""
      pg_.*                                             # PostgreSQL's predefined roles
    | cloud_admin | neon_superuser | neon_service | databricks_.*
    | supabase_.* | dashboard_user | pgbouncer | pgsodium_.*
    | azure_pg_admin | azuresu | azure_.*
    | rdsadmin | rds_.* | rds
    | cloudsql.* | alloydb.*
    """,
    re.VERBOSE,
)

_DATABASE: Final = """
    SELECT jsonb_build_object(
        'database', d.datname, 'owner', pg_get_userbyid(d.datdba),
        'comment', shobj_description(d.oid, 'pg_database'),
        'encoding', pg_encoding_to_char(d.encoding), 'collation', d.datcollate, 'character_type', d.datctype,
        'locale_provider', coalesce(to_jsonb(d)->>'datlocprovider', 'c'),
        'locale', coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale'),
        'connection_limit', d.datconnlimit, 'tablespace', t.spcname, 'is_template', d.datistemplate,
        'grants', CASE WHEN d.datacl IS NOT NULL THEN coalesce((
            SELECT jsonb_agg(jsonb_build_object(
                'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                'privilege', a.privilege_type, 'grantable', a.is_grantable
            ) ORDER BY a.grantee = 0 DESC, pg_get_userbyid(a.grantee), a.privilege_type)
            FROM aclexplode(d.datacl) a), '[]') END,
        'public_schema', coalesce((
            SELECT jsonb_build_object('owner', pg_get_userbyid(n.nspowner),
                'comment', obj_description(n.oid, 'pg_namespace'),
                'grants', CASE WHEN n.nspacl IS NOT NULL THEN coalesce((
                    SELECT jsonb_agg(jsonb_build_object(
                        'grantee', CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee) END,
                        'privilege', a.privilege_type, 'grantable', a.is_grantable
                    ) ORDER BY a.grantee = 0 DESC, pg_get_userbyid(a.grantee), a.privilege_type)
                    FROM aclexplode(n.nspacl) a), '[]') END)
            FROM pg_catalog.pg_namespace n WHERE n.nspname = 'public'), '"absent"'))
    FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
    WHERE d.datname = current_database()
"""
_RELATED_ROLES: Final = """
    WITH RECURSIVE this_db AS (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()),
    -- Roles that read by PUBLIC's privileges or through a predefined role have no entry in pg_shdepend.
    public_reads AS (
        SELECT EXISTS (
            SELECT FROM (SELECT oid, relacl AS acl FROM pg_catalog.pg_class
                UNION ALL SELECT attrelid, attacl FROM pg_catalog.pg_attribute WHERE attacl IS NOT NULL) c,
                aclexplode(c.acl) a
            WHERE c.oid >= 16384 AND a.grantee = 0) AS yes),
    readers AS (
        SELECT r.oid AS role FROM pg_catalog.pg_roles r, this_db, public_reads
        WHERE r.rolcanlogin AND has_database_privilege(r.oid, this_db.oid, 'CONNECT')
            AND (public_reads.yes OR r.rolsuper OR EXISTS (
                SELECT FROM pg_catalog.pg_roles p
                WHERE p.oid < 16384 AND p.rolname ~ '^pg_' AND pg_has_role(r.oid, p.oid, 'MEMBER')))
    ),
    named AS (
        SELECT role FROM readers
        UNION
        SELECT refobjid AS role FROM pg_catalog.pg_shdepend
        WHERE refclassid = 'pg_catalog.pg_authid'::regclass AND (dbid = (SELECT oid FROM this_db)
            OR (dbid = 0 AND classid = 'pg_catalog.pg_database'::regclass
                AND objid = (SELECT oid FROM this_db)))
        UNION SELECT setrole FROM pg_catalog.pg_db_role_setting WHERE setdatabase = (SELECT oid FROM this_db)
        -- The server's first role owns objects without an entry in pg_shdepend.
        UNION SELECT datdba FROM pg_catalog.pg_database WHERE datname = current_database()
        UNION SELECT c.relowner FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.oid >= 16384 AND n.nspname !~ '^pg_'
        UNION SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_'
        UNION SELECT proowner FROM pg_catalog.pg_proc WHERE oid >= 16384
    ),
    below AS (
        SELECT role FROM named
        UNION SELECT m.member FROM pg_catalog.pg_auth_members m JOIN below ON m.roleid = below.role
    ),
    above AS (
        SELECT role FROM below
        UNION SELECT m.roleid FROM pg_catalog.pg_auth_members m JOIN above ON m.member = above.role
    ),
    related AS (
        SELECT r.* FROM pg_catalog.pg_roles r WHERE %(every_role)s OR r.oid IN (SELECT role FROM above))
"""
_ROLES: Final = f"""{_RELATED_ROLES}
    SELECT jsonb_build_object(
        'name', rolname, 'superuser', rolsuper, 'inherits', rolinherit, 'creates_roles', rolcreaterole,
        'creates_databases', rolcreatedb, 'logs_in', rolcanlogin, 'replicates', rolreplication,
        'bypasses_row_security', rolbypassrls, 'connection_limit', rolconnlimit,
        'valid_until', rolvaliduntil::text, 'comment', shobj_description(oid, 'pg_authid'))
    FROM related WHERE rolname !~ '^pg_' ORDER BY rolname
"""  # noqa: S608 - constant text only
_MEMBERSHIPS: Final = f"""{_RELATED_ROLES}
    SELECT jsonb_build_object(
        'role', r.rolname, 'member', c.rolname, 'admin', bool_or(m.admin_option),
        'inherits', bool_or((to_jsonb(m)->>'inherit_option')::boolean),
        'may_set', bool_or((to_jsonb(m)->>'set_option')::boolean))
    FROM pg_catalog.pg_auth_members m
    JOIN related c ON c.oid = m.member JOIN pg_catalog.pg_roles r ON r.oid = m.roleid
    WHERE c.rolname !~ '^pg_'
    GROUP BY r.rolname, c.rolname ORDER BY r.rolname, c.rolname
"""  # noqa: S608 - constant text only
_SETTINGS: Final = f"""{_RELATED_ROLES}
    SELECT jsonb_build_object('role', c.rolname, 'database', s.setdatabase <> 0, 'text', text)
    FROM pg_catalog.pg_db_role_setting s LEFT JOIN related c ON c.oid = s.setrole, unnest(s.setconfig) text
    WHERE (c.oid IS NOT NULL OR s.setrole = 0) AND s.setdatabase IN (0, (SELECT oid FROM this_db))
    ORDER BY c.rolname NULLS FIRST, s.setdatabase, text
"""  # noqa: S608 - constant text only
_PARAMETER_GRANTS_SINCE: Final = 150000
_PARAMETER_GRANTS: Final = f"""{_RELATED_ROLES}
    SELECT jsonb_build_object('parameter', p.parname, 'grantee', c.rolname, 'privilege', a.privilege_type,
        'grantable', a.is_grantable)
    FROM pg_catalog.pg_parameter_acl p, aclexplode(p.paracl) a LEFT JOIN related c ON c.oid = a.grantee
    WHERE a.grantee = 0 OR c.rolname !~ '^pg_'
    ORDER BY p.parname, c.rolname NULLS FIRST, a.privilege_type
"""  # noqa: S608 - constant text only
_EXTENSIONS: Final = """
    SELECT jsonb_build_object('name', e.extname, 'version', e.extversion, 'schema_name', n.nspname,
        'owner', pg_get_userbyid(e.extowner))
    FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname
"""
_DEFAULT_PRIVILEGES: Final = """
    SELECT jsonb_build_object('role', pg_get_userbyid(d.defaclrole), 'schema_name', n.nspname,
        'kind', d.defaclobjtype, 'acl', d.defaclacl::text[])
    FROM pg_catalog.pg_default_acl d LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
    ORDER BY pg_get_userbyid(d.defaclrole), n.nspname NULLS FIRST, d.defaclobjtype
"""
_TABLESPACES: Final = """
    SELECT DISTINCT t.spcname FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
    WHERE c.oid >= 16384 ORDER BY 1
"""


def is_vendor_role(role: str) -> bool:
    """
    Return whether a role belongs to a database vendor.

    Supabase's anon, authenticated and service_role do not: they are the customer's.
    """
    return _VENDOR_ROLES.fullmatch(role) is not None


def read_globals(connection: psycopg.Connection, *, every_role: bool = False) -> Globals:
    """
    Read the globals of the connection's database. No privilege is needed.

    With `every_role`, also those of the server's roles that have nothing to do with the database.
    """

    def read(query: LiteralString, model: type[GlobalsPart]) -> Sequence[GlobalsPart]:
        with connection.cursor(row_factory=scalar_row) as cursor:
            rows = cursor.execute(query, {"every_role": every_role})
            return [model.model_validate(row) for row in rows]

    with connection.cursor(row_factory=scalar_row) as cursor:
        database = cursor.execute(_DATABASE).fetchone()
        tablespaces = cursor.execute(_TABLESPACES).fetchall()
    return Globals.model_validate(
        {
            **cast("dict[str, object]", database),
            "roles": read(_ROLES, PostgresRole),
            "memberships": read(_MEMBERSHIPS, Membership),
            "settings": read(_SETTINGS, Setting),
            "extensions": read(_EXTENSIONS, Extension),
            "default_privileges": read(_DEFAULT_PRIVILEGES, DefaultPrivilege),
            "tablespaces": tablespaces,
            "parameter_grants": read(_PARAMETER_GRANTS, ParameterGrant)
            if connection.info.server_version >= _PARAMETER_GRANTS_SINCE
            else (),
        }
    )
