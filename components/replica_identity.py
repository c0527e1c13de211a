"""The roles of the account that has the replica, where that is another one than the primary vault's."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import iam

from components.administration import Administration
from components.bounded_role import declare_role
from components.guard import (
    DEPLOYER,
    DRILLER,
    PLANNER,
    REPLICA_DRILLER,
    REPLICA_READER,
    REPLICA_RESTORER,
    RESTORER,
    SESSION_SECONDS,
    role_arn,
)
from components.identity import declare_issuer, trust_job

_READER_SECONDS: Final = 3600
"""The most that AWS gives a role that is taken on by another role (AWS STS, AssumeRole)."""


@dataclass(frozen=True)
class ReplicaIdentityArgs:
    """What `ReplicaIdentity` is made of."""

    platform: str
    """Prefix of the roles' physical names."""

    account: str
    """Number of the replica's account at AWS."""

    primary_account: str
    """Number of the account whose planner and deployer may look at the settings here."""

    job_subjects: Mapping[str, str]
    """Role of the primary account -> the subject of the OIDC tokens of its jobs. Those that restore and drill
    read here too."""

    policies: Mapping[str, str]
    """Role -> the document of what it may do (components/role_policies.py)."""

    has_issuer: bool = False
    """Whether the account has GitHub's OIDC provider already; it can have it once."""


class ReplicaIdentity(pulumi.ComponentResource):
    """
    Who may look into the second account: jobs that restore and drill, and for the settings alone, who plans.

    Nothing here trusts the primary account with more than looking, because an administrator of it can be
    whatever is trusted there. Who restores is a job of GitHub's, so that it outlives that account.
    """

    TYPE: Final = "bulwark:index:ReplicaIdentity"

    roles: dict[str, iam.Role]
    """Name of each role, after the platform's -> the role."""

    def __init__(
        self,
        name: str,
        args: ReplicaIdentityArgs,
        *,
        administration: Administration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        readers = {
            REPLICA_RESTORER: (RESTORER, "Reads the replica of the backups; can write nothing"),
            REPLICA_DRILLER: (
                DRILLER,
                "Reads the replica of the backups of database and files for drills; can write nothing",
            ),
        }
        trusted = {
            role: args.job_subjects[job] for role, (job, _) in readers.items() if job in args.job_subjects
        }
        issuer = [declare_issuer(name, parent=self)] if trusted and not args.has_issuer else []

        def declare(suffix: str, does: str, trust: str, seconds: int) -> iam.Role:
            role, _ = declare_role(
                f"{name}-{suffix}",
                role_name=f"{args.platform}-{suffix}",
                does=does,
                trust=trust,
                policy_name=suffix,
                policy=args.policies[suffix],
                max_session_seconds=seconds,
                boundary=administration.boundary,
                boundary_arn=administration.boundary_arn,
                parent=self,
                depends_on=issuer,
            )
            return role

        self.roles = {
            role: declare(role, readers[role][1], trust_job(args.account, subject), SESSION_SECONDS)
            for role, subject in trusted.items()
        }
        planning = [role_arn(args.platform, args.primary_account, name) for name in (PLANNER, DEPLOYER)]
        self.roles[REPLICA_READER] = declare(
            REPLICA_READER,
            "Looks at what this stack has here; reads no backup and can change nothing",
            _trust_roles(args.primary_account, planning),
            _READER_SECONDS,
        )
        self.register_outputs({})


def _trust_roles(account: str, arns: list[str]) -> str:
    """
    Return the trust policy of a role that roles of another account take on.

    It names them by a condition. A role's name as the principal turns into its id, and the same role made
    again would not be trusted (IAM, "AWS JSON policy elements: Principal").
    """
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": arns}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
