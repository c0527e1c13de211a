"""The platform's database: a Neon project with history, its roles, and its connection strings."""

from typing import Final
from urllib.parse import quote

import pulumi

from components import neon
from components.application_role import ApplicationRole
from components.neon import DatabaseArgs


class Database(pulumi.ComponentResource):
    """
    A Neon project whose history is the first line of recovery.

    Publishes for policies: `plan`, and `failureDomain` (provider and region) of the store.
    """

    TYPE: Final = "bulwark:index:Database"

    project: neon.DatabaseProject
    host: pulumi.Output[str]
    """Direct host; dumps and migrations must not go through the pooler."""

    owner_uri: pulumi.Output[str]
    """Secret. For migrations."""

    application_uri: pulumi.Output[str]
    """Secret. For the running platform, through the pooler."""

    backup_uri: pulumi.Output[str]
    """Secret. For dumps, direct."""

    def __init__(
        self,
        name: str,
        args: DatabaseArgs,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        facts = {
            "plan": args.plan,
            "failureDomain": {"provider": "neon", "region": args.region},
        }
        super().__init__(self.TYPE, name, facts, opts)
        self.project = neon.declare_project(f"{name}-project", args, parent=self)
        roles = {
            purpose: neon.declare_role(
                f"{name}-role-{purpose}", role=role, project=self.project, protect=args.protect, parent=self
            )
            for purpose, role in (
                ("owner", args.owner_role),
                ("backup", args.backup_role),
            )
        }
        database = neon.declare_database(
            f"{name}-database",
            database=args.database,
            owner=roles["owner"].name,
            project=self.project,
            protect=args.protect,
            parent=self,
        )

        def uri(role: neon.DatabaseRole | ApplicationRole, host: pulumi.Output[str]) -> pulumi.Output[str]:
            return connection_uri(args, role=role.name, password=role.password, host=host, name=database)

        self.host = self.project.host
        self.owner_uri = uri(roles["owner"], self.host)
        self.backup_uri = uri(roles["backup"], self.host)
        application = ApplicationRole(
            f"{name}-role-application",
            role=args.application_role,
            owner_uri=self.owner_uri,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        self.application_uri = uri(application, self.project.pooled_host)
        self.register_outputs({"host": self.host, "projectId": self.project.id})


def connection_uri(
    args: DatabaseArgs,
    *,
    role: pulumi.Input[str],
    password: pulumi.Output[str],
    host: pulumi.Input[str],
    name: pulumi.Input[str],
) -> pulumi.Output[str]:
    """Return the secret address of a database for a role."""
    # Neon's certificate is signed by a public authority; "system" is libpq's name for that trust store.
    tls = "sslmode=disable" if args.tls == "disable" else f"sslmode={args.tls}&sslrootcert=system"
    quoted = password.apply(lambda secret: quote(secret, safe=""))
    where = pulumi.Output.concat(role, ":", quoted, "@", host, "/", name)
    return pulumi.Output.secret(pulumi.Output.concat("postgresql://", where, f"?{tls}"))
