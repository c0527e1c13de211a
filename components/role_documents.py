"""Where the roles' documents lie: secrets that a role's job reads in place of the stack's state."""

import json
from typing import Final

import pulumi
from pulumi_aws import kms, secretsmanager

from components.guard import BOUNDED, DELETION_WINDOW_DAYS, DEPLOYER, PLANNER, list_guards, role_arn
from components.recovery_description import document_name, documents_key_alias, roles_with_documents
from components.settings import Settings
from components.vault import key_policy

_RESTORABLE_DAYS: Final = 30
"""How long a deleted document can be restored."""


class RoleDocuments(pulumi.ComponentResource):
    """
    A secret, without a value yet, for each role whose job needs what only the platform's state knows.

    Its policy denies the value to the other roles of the stack, whatever somebody lets them do. Who plans and
    deploys can read it: the provider reads back what it has written.
    """

    TYPE: Final = "bulwark:index:RoleDocuments"

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        platform, backups = settings.platform, settings.vaults
        key = kms.Key(
            f"{name}-key",
            description=f"Encrypts the documents of {platform.name}'s jobs",
            enable_key_rotation=True,
            rotation_period_in_days=backups.key_rotation_days,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=key_policy(
                backups.account,
                guards=list_guards(platform.name, backups.account, protect=platform.protected),
            ),
            # As the vaults' keys: nobody but break-glass can change the policy.
            bypass_policy_lockout_safety_check=True if platform.protected else None,
            opts=pulumi.ResourceOptions(parent=self, protect=platform.protected),
        )
        alias = kms.Alias(
            f"{name}-key-alias", name=documents_key_alias(platform.name), target_key_id=key.key_id, opts=child
        )
        for role in roles_with_documents(backups):
            secretsmanager.Secret(
                f"{name}-{role}",
                name=document_name(platform.name, role),
                description=f"What the job of {platform.name}-{role} needs to know",
                kms_key_id=key.arn,
                policy=_deny_other_roles(platform.name, backups.account, role),
                recovery_window_in_days=_RESTORABLE_DAYS if platform.protected else 0,
                opts=pulumi.ResourceOptions(parent=self, depends_on=[alias]),
            )
        self.register_outputs({})


def _deny_other_roles(platform: str, account: str, role: str) -> str:
    others = [role_arn(platform, account, name) for name in BOUNDED if name not in {role, PLANNER, DEPLOYER}]
    statement = {
        "Sid": "OnlyItsRole",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "secretsmanager:GetSecretValue",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": others}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
