"""
What the stacks declare at Neon: the one module that knows the inputs and outputs of its provider.

Another version or owner of the provider changes this module alone (decision 33).
"""

from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_neon as neon

_GIGABYTE: Final = 1_000_000_000


@dataclass(frozen=True)
class ComputeUnits:
    """Autoscaling bounds of the default endpoint, in compute units (1 CU is 1 vCPU and 4 GB)."""

    minimum_units: float = 0.25
    maximum_units: float = 2
    suspend_after_seconds: int = 0
    """-1 never, 0 Neon's default (300 s); custom values need the scale plan."""


@dataclass(frozen=True)
class MonthlyQuota:
    """Monthly limits; absent means unlimited (Neon can't set a limit back to unlimited, only raise it)."""

    compute_hours: int | None = None
    written_gigabytes: int | None = None
    transferred_gigabytes: int | None = None
    stored_gigabytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """
    What `Database` is made of.

    Raises:
        ValueError: two roles have one name, or the bounds of the compute are reversed.
    """

    plan: Literal["free", "launch", "scale"]
    """Neon's plan, which limits history and protection."""

    organization: pulumi.Input[str]
    """Its id. Explicit, because a project whose organization changes is replaced (terraform-provider-neon
    #179)."""

    region: str
    """Neon's region id, such as aws-eu-central-1. Changing it would replace the project."""

    project: str
    """Display name of the Neon project."""

    database: str
    """Name of the database in PostgreSQL."""

    history_retention_hours: int
    """How far back a branch can reach; this is the first line of recovery."""

    postgres_version: int = 17
    """Changing it would replace the project."""

    owner_role: str = "platform_owner"
    """Runs migrations and owns every object."""

    application_role: str = "platform_app"
    """Reads and writes rows."""

    backup_role: str = "platform_backup"
    """Reads everything, for dumps."""

    protect_default_branch: bool = True
    """A protected branch can't be deleted or reset; needs a paid plan."""

    tls: Literal["verify-full", "disable"] = "verify-full"
    """sslmode of the connection strings handed out; `disable` is for a server without TLS."""

    compute: ComputeUnits = ComputeUnits()
    quota: MonthlyQuota = MonthlyQuota()
    protect: bool = True
    """Whether project, roles and database refuse deletion and replacement."""

    def __post_init__(self) -> None:
        roles = (self.owner_role, self.application_role, self.backup_role)
        if len(set(roles)) < len(roles):
            raise ValueError("owner, application and backup need a role each")
        if self.compute.maximum_units < self.compute.minimum_units:
            raise ValueError("compute.maximum_units is below compute.minimum_units")


@dataclass(frozen=True)
class DatabaseProject:
    """A project with its default branch and that branch's compute."""

    urn: pulumi.Output[str]
    id: pulumi.Output[str]
    branch: pulumi.Output[str]
    """Id of the default branch."""

    host: pulumi.Output[str]
    """Direct host."""

    pooled_host: pulumi.Output[str]


@dataclass(frozen=True)
class DatabaseRole:
    """A role of PostgreSQL that Neon made, with its password."""

    name: pulumi.Output[str]
    password: pulumi.Output[str]
    """Secret, and encrypted in the state."""


@dataclass(frozen=True)
class DatabaseBranch:
    """A branch with a compute of its own."""

    project: str
    id: pulumi.Output[str]
    """Known when the compute is there."""

    host: pulumi.Output[str]
    """Direct host."""


def declare_provider(key: str | None = None) -> pulumi.ProviderResource:
    """Declare the provider; without a key of the API it reads its own variable, NEON_API_KEY."""
    if key is None:
        return neon.Provider("neon")
    return neon.Provider(
        "neon",
        api_key=pulumi.Output.secret(key),
        opts=pulumi.ResourceOptions(additional_secret_outputs=["apiKey"]),
    )


def declare_project(name: str, args: DatabaseArgs, *, parent: pulumi.Resource) -> DatabaseProject:
    """Declare a project with its history, its compute and its limits."""
    compute, quota = args.compute, args.quota
    project = neon.Project(
        name,
        name=args.project,
        org_id=args.organization,
        region_id=args.region,
        pg_version=args.postgres_version,
        history_retention_seconds=args.history_retention_hours * 3600,
        default_branch_protected=args.protect_default_branch,
        store_password="yes",  # noqa: S106 - Neon's own yes/no; "no" makes the provider's reads fail
        # Later changes may not reach the compute that exists: kislerdm/terraform-provider-neon#234.
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
            parent=parent,
            protect=args.protect,
            # Neon names its oldest database as the default one, so a renamed database would replace the
            # whole project on refresh: kislerdm/terraform-provider-neon#179.
            ignore_changes=["branch"],
        ),
    )
    return DatabaseProject(
        urn=project.urn,
        id=project.id,
        branch=project.default_branch_id,
        host=project.database_host,
        pooled_host=project.database_host_pooler,
    )


def declare_role(
    name: str, *, role: str, project: DatabaseProject, protect: bool, parent: pulumi.Resource
) -> DatabaseRole:
    """Declare a role of the default branch; Neon chooses its password."""
    declared = neon.Role(
        name,
        name=role,
        project_id=project.id,
        branch_id=project.branch,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
    return DatabaseRole(declared.name, declared.password)


def declare_database(
    name: str,
    *,
    database: str,
    owner: pulumi.Input[str],
    project: DatabaseProject,
    protect: bool,
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """Declare a database of the default branch, and return its name, known when it is there."""
    declared = neon.Database(
        name,
        name=database,
        owner_name=owner,
        project_id=project.id,
        branch_id=project.branch,
        opts=pulumi.ResourceOptions(parent=parent, protect=protect),
    )
    return declared.name


def declare_branch(
    name: str,
    args: DatabaseArgs,
    *,
    project: str,
    at: pulumi.Input[int],
    parent: pulumi.Resource,
) -> DatabaseBranch:
    """Declare a branch of a project as it was at `at`, seconds of Unix time, with a compute of its own."""
    child = pulumi.ResourceOptions(parent=parent)
    branch = neon.Branch(f"{name}-branch", name=name, project_id=project, parent_timestamp=at, opts=child)
    endpoint = neon.Endpoint(
        f"{name}-endpoint",
        project_id=project,
        branch_id=branch.id,
        autoscaling_limit_min_cu=args.compute.minimum_units,
        autoscaling_limit_max_cu=args.compute.maximum_units,
        opts=child,
    )
    known = pulumi.Output.all(branch.id, endpoint.id).apply(lambda ids: str(ids[0]))
    return DatabaseBranch(project, known, endpoint.host)


def read_password(branch: DatabaseBranch, role: str, *, parent: pulumi.Resource) -> pulumi.Output[str]:
    """
    Read the secret password of a role of a branch.

    The child of a protected branch has passwords of its own; they are there once its compute is.
    """
    found = neon.get_branch_role_password_output(
        project_id=branch.project,
        branch_id=branch.id,
        role_name=role,
        opts=pulumi.InvokeOptions(parent=parent),
    )
    return found.password
