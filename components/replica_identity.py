"""The roles of the account that has the replica, where that is another one than the primary vault's."""

import json
from collections.abc import Mapping
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
from components.settings import BackupSettings, PlatformSettings

_READER_SECONDS: Final = 3600
"""The most that AWS gives a role that is taken on by another role (AWS STS, AssumeRole)."""


class ReplicaIdentity(pulumi.ComponentResource):
    """
    Who may look into the second account: jobs that restore and drill, and for the settings alone, who plans.

    Nothing here trusts the primary account with more than looking, because an administrator of it can be
    whatever is trusted there. Who restores is a job of GitHub's, so that it outlives that account.
    """

    TYPE: Final = "bulwark:index:ReplicaIdentity"

    roles: Mapping[str, iam.Role]
    """Name of each role, after the platform's -> the role."""

    def __init__(
        self,
        name: str,
        args: BackupSettings,
        *,
        platform: PlatformSettings,
        account: str,
        documents: Mapping[str, str],
        administration: Administration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`documents` has the document of what each role may do, by the role."""
        super().__init__(self.TYPE, name, None, opts)
        github = declare_issuer(name, parent=self)

        def declare(suffix: str, does: str, trust: str, seconds: int) -> iam.Role:
            role, _ = declare_role(
                f"{name}-{suffix}",
                role_name=f"{platform.name}-{suffix}",
                does=does,
                trust=trust,
                policy_name=suffix,
                policy=documents[suffix],
                max_session_seconds=seconds,
                boundary=administration.boundary,
                boundary_arn=administration.boundary_arn,
                parent=self,
                depends_on=[github],
            )
            return role

        planning = [role_arn(platform.name, args.account, name) for name in (PLANNER, DEPLOYER)]
        subjects = {name: platform.subject(one) for name, one in args.role_environments.items()}
        self.roles = {
            REPLICA_RESTORER: declare(
                REPLICA_RESTORER,
                "Reads the replica of the backups; can write nothing",
                trust_job(account, subjects[RESTORER]),
                SESSION_SECONDS,
            ),
            REPLICA_DRILLER: declare(
                REPLICA_DRILLER,
                "Reads the replica of the backups of database and files for drills; can write nothing",
                trust_job(account, subjects[DRILLER]),
                SESSION_SECONDS,
            ),
            REPLICA_READER: declare(
                REPLICA_READER,
                "Looks at what this stack has here; reads no backup and can change nothing",
                _trust_roles(args.account, planning),
                _READER_SECONDS,
            ),
        }
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
