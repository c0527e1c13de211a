"""Documents about what an archive leaves out, for it is the server's and not the database's."""

from recovery.manifest import Model


class Role(Model):
    """A role that owns or may do something in the database, or is a member of one that does; no password."""

    name: str
    superuser: bool
    inherits: bool
    creates_roles: bool
    creates_databases: bool
    logs_in: bool
    replicates: bool
    bypasses_row_security: bool
    connection_limit: int
    """-1: none."""

    valid_until: str | None
    """Of the password."""


class Membership(Model):
    """`member` has been granted `role`."""

    role: str
    member: str
    admin: bool
    inherits: bool | None
    """None before version 16, where the member's own attribute decides; likewise `may_set`."""

    may_set: bool | None


class Setting(Model):
    """What is set for a role's sessions, a database's, or a role's in the database: `name=value`."""

    role: str | None
    database: bool
    text: str


class Grant(Model):
    """A privilege on the database itself. `grantee` None: PUBLIC."""

    grantee: str | None
    privilege: str
    grantable: bool


class Extension(Model):
    name: str
    version: str
    schema_name: str
    owner: str


class DefaultPrivilege(Model):
    """What objects that `role` will make are granted; an archive has it too. `kind`: as in pg_default_acl."""

    role: str
    schema_name: str | None
    kind: str
    acl: tuple[str, ...]


class Cluster(Model):
    """What is around a database."""

    database: str
    owner: str
    comment: str | None
    encoding: str
    collation: str
    character_type: str
    locale_provider: str
    """c: the C library, i: ICU, b: built in."""

    locale: str | None
    connection_limit: int
    tablespace: str
    grants: tuple[Grant, ...] | None
    """None: the defaults."""

    roles: tuple[Role, ...]
    memberships: tuple[Membership, ...]
    settings: tuple[Setting, ...]
    extensions: tuple[Extension, ...]
    default_privileges: tuple[DefaultPrivilege, ...]
    tablespaces: tuple[str, ...]
    """Where relations lie outside the default one. A restore puts everything into the target's default."""
