"""The roles of GitHub's jobs, which use the vaults without a long-lived key."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import iam

from components.administration import Administration
from components.bounded_role import declare_role
from components.github_oidc import OIDC_AUDIENCE, OIDC_ISSUER
from components.guard import (
    COPIER,
    DEPLOYER,
    DRILLER,
    PLANNER,
    RESTORER,
    SESSION_SECONDS,
    STATE_DRILLER,
    STATE_WRITER,
    WRITER,
)
from components.role_policies import ISSUER

_DOES: Final[Mapping[str, str]] = {
    WRITER: "Adds backups; can neither delete nor overwrite",
    STATE_WRITER: "Adds backups of the stack's state; can neither delete nor overwrite",
    RESTORER: "Reads backups; can write nothing",
    DRILLER: "Reads backups of database and files for drills; can write nothing",
    STATE_DRILLER: "Reads backups of the stack's state for drills; can write nothing",
    COPIER: "Reads backups to copy them elsewhere; can write nothing",
    PLANNER: "Looks at this stack; can change nothing",
    DEPLOYER: "Deploys the platform's stack; changes nothing of the administrator's",
}


@dataclass(frozen=True)
class IdentityArgs:
    """What `Identity` is made of."""

    platform: str
    """Prefix of the roles' physical names."""

    account: str
    """Number of the account at AWS."""

    job_subjects: Mapping[str, str]
    """Role, after the platform's name -> the subject of the OIDC tokens of the jobs that may take it on."""

    policies: Mapping[str, str]
    """Role -> the document of what it may do (components/role_policies.py)."""

    has_issuer: bool = False
    """Whether the account has GitHub's OIDC provider already; it can have it once."""


class Identity(pulumi.ComponentResource):
    """The OIDC provider, and the roles of GitHub's jobs. Without any job there is nothing of it."""

    TYPE: Final = "bulwark:index:Identity"

    roles: dict[str, iam.Role]
    """Name of each role, after the platform's -> the role."""

    def __init__(
        self,
        name: str,
        args: IdentityArgs,
        *,
        administration: Administration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        self.roles = {}
        if not args.job_subjects:
            self.register_outputs({})
            return
        issuer = [] if args.has_issuer else [declare_issuer(name, parent=self)]
        self.roles = {
            suffix: declare_role(
                f"{name}-{suffix}",
                role_name=f"{args.platform}-{suffix}",
                does=_DOES[suffix],
                trust=trust_job(args.account, subject),
                policy_name=suffix,
                policy=args.policies[suffix],
                max_session_seconds=SESSION_SECONDS,
                boundary=administration.boundary,
                boundary_arn=administration.boundary_arn,
                parent=self,
                depends_on=issuer,
            )[0]
            for suffix, subject in args.job_subjects.items()
        }
        arns = {"writerArn": WRITER, "restorerArn": RESTORER}
        self.register_outputs(
            {output: self.roles[role].arn for output, role in arns.items() if role in self.roles}
        )


def declare_issuer(name: str, *, parent: pulumi.Resource) -> iam.OpenIdConnectProvider:
    """Declare GitHub's issuer in an account, which can have it once; `name` begins the resource's name."""
    return iam.OpenIdConnectProvider(
        f"{name}-github",
        url=OIDC_ISSUER,
        client_id_lists=[OIDC_AUDIENCE],
        opts=pulumi.ResourceOptions(parent=parent),
    )


def trust_job(account: str, subject: str) -> str:
    """Return the trust policy of a role of an account that a job of this subject takes on."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::{account}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": OIDC_AUDIENCE, f"{ISSUER}:sub": subject}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
