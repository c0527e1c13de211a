"""The roles of GitHub's jobs, which use the vaults without a long-lived key."""

import json
from collections.abc import Sequence
from typing import Final

import pulumi
from pulumi_aws import iam

from components.administration import Administration
from components.bounded_role import declare_role
from components.guard import DEPLOYER, PLANNER, RESTORER, WRITER
from components.role_policies import (
    ISSUER,
    deployer_policy,
    planner_policy,
    restorer_policy,
    writer_policy,
)
from components.settings import BackupSettings, PlatformSettings
from components.settings.platform import OIDC_ISSUER
from components.vault_names import VaultNames

_SESSION_SECONDS: Final = 2 * 3600


class Identity(pulumi.ComponentResource):
    """The OIDC provider and its roles: writer, restorer, planner (reads), deployer (deploys elsewhere)."""

    TYPE: Final = "bulwark:index:Identity"

    writer: iam.Role
    restorer: iam.Role
    planner: iam.Role
    deployer: iam.Role

    def __init__(
        self,
        name: str,
        args: BackupSettings,
        *,
        platform: PlatformSettings,
        vaults: Sequence[VaultNames],
        administration: Administration,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        github = iam.OpenIdConnectProvider(
            f"{name}-github",
            url=OIDC_ISSUER,
            client_id_lists=["sts.amazonaws.com"],
            opts=pulumi.ResourceOptions(parent=self),
        )

        def declare(suffix: str, environment: str, does: str, policy: str) -> iam.Role:
            role, _ = declare_role(
                f"{name}-{suffix}",
                role_name=f"{platform.name}-{suffix}",
                does=does,
                trust=_trust(
                    f"arn:aws:iam::{args.account}:oidc-provider/{ISSUER}", platform.subject(environment)
                ),
                policy_name=suffix,
                policy=policy,
                max_session_seconds=_SESSION_SECONDS,
                boundary=administration.boundary,
                boundary_arn=administration.boundary_arn,
                parent=self,
                depends_on=[github],
            )
            return role

        self.writer = declare(
            WRITER,
            args.backup_environment,
            "Adds backups; can neither delete nor overwrite",
            writer_policy(vaults[0]),
        )
        self.restorer = declare(
            RESTORER,
            args.restore_environment,
            "Reads backups; can write nothing",
            restorer_policy(vaults),
        )
        self.planner = declare(
            PLANNER,
            args.plan_environment,
            "Looks at this stack; can change nothing",
            planner_policy(vaults, account=args.account, platform=platform.name),
        )
        self.deployer = declare(
            DEPLOYER,
            args.deploy_environment,
            "Deploys this stack, and reads what it has at AWS",
            deployer_policy(vaults, account=args.account, platform=platform.name),
        )
        self.register_outputs({"writerArn": self.writer.arn, "restorerArn": self.restorer.arn})


def _trust(provider_arn: str, subject: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subject}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
