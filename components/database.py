"""The platform's database: a Neon project with history, its roles, and its connection strings."""

from typing import Final
from urllib.parse import quote

import pulumi
import pulumi_neon as neon

from components.settings import DatabaseSettings

_GIGABYTE: Final = 1_000_000_000


class Database(pulumi.ComponentResource):
    """
    A Neon project whose history is the first line of recovery.

    Publishes for policies: `plan`, and `failureDomain` (provider and region) of the store.
    """

    TYPE: Final = "bulwark:index:Database"

    project: neon.Project
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
        args: DatabaseSettings,
        *,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        facts = {
            "plan": args.plan,
            "failureDomain": {"provider": "neon", "region": args.region},
        }
        super().__init__(self.TYPE, name, facts, opts)
        compute, quota = args.compute, args.quota
        self.project = neon.Project(
            f"{name}-project",
            name=args.project,
            org_id=args.organization,
            region_id=args.region,
            pg_version=args.postgres_version,
            history_retention_seconds=args.history_retention_hours * 3600,
            default_branch_protected=args.protect_default_branch,
            store_password="yes",  # noqa: S106 - Neon's own yes/no; "no" makes the provider's reads fail
            default_endpoint_settings={
                "autoscaling_limit_min_cu": compute.minimum_units,
                "autoscaling_limit_max_cu": compute.maximum_units,
                "suspend_timeout_seconds": compute.suspend_after_seconds,
            },
            # Limits of 0 are never sent by the provider, so an absent one stays unlimited.
            quota={
                "compute_time_seconds": (quota.compute_hours or 0) * 3600,
                "written_data_bytes": (quota.written_gigabytes or 0) * _GIGABYTE,
                "data_transfer_bytes": (quota.transferred_gigabytes or 0) * _GIGABYTE,
                "logical_size_bytes": (quota.stored_gigabytes or 0) * _GIGABYTE,
            },
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=protect,
                # Neon names its oldest database as the default one, so a renamed database would replace the
                # whole project on refresh: kislerdm/terraform-provider-neon#179.
                ignore_changes=["branch"],
            ),
        )
        branch = self.project.default_branch_id
        roles = {
            purpose: neon.Role(
                f"{name}-role-{purpose}",
                name=role,
                project_id=self.project.id,
                branch_id=branch,
                opts=pulumi.ResourceOptions(parent=self, protect=protect),
            )
            for purpose, role in (
                ("owner", args.owner_role),
                ("application", args.application_role),
                ("backup", args.backup_role),
            )
        }
        database = neon.Database(
            f"{name}-database",
            name=args.database,
            owner_name=roles["owner"].name,
            project_id=self.project.id,
            branch_id=branch,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )

        def uri(role: neon.Role, host: pulumi.Output[str]) -> pulumi.Output[str]:
            return connection_uri(args, role=role.name, password=role.password, host=host, name=database.name)

        self.host = self.project.database_host
        self.owner_uri = uri(roles["owner"], self.host)
        self.application_uri = uri(roles["application"], self.project.database_host_pooler)
        self.backup_uri = uri(roles["backup"], self.host)
        self.register_outputs({"host": self.host, "projectId": self.project.id})


def connection_uri(
    args: DatabaseSettings,
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
