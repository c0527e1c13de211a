"""Where the roles' documents lie: secrets that a role's job reads in place of the stack's state."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
from pulumi_aws import kms, secretsmanager

from components.document_names import RoleWithDocument, document_name, documents_key_alias
from components.guard import BOUNDED, DELETION_WINDOW_DAYS, DEPLOYER, PLANNER, list_guards, role_arn
from components.vault import key_policy

_RESTORABLE_DAYS: Final = 30
"""How long a deleted document can be restored."""


@dataclass(frozen=True)
class RoleDocumentsArgs:
    """What `RoleDocuments` is made of."""

    platform: str
    """Prefix of the physical names."""

    account: str
    """Number of the account at AWS."""

    roles: Sequence[RoleWithDocument]
    """Roles whose jobs need a document."""

    key_rotation_days: int = 365
    """AWS KMS accepts 90 to 2560 days."""

    protect: bool = True
    """Whether the key and the documents refuse deletion."""


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
        args: RoleDocumentsArgs,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        platform, account, protect = args.platform, args.account, args.protect
        key = kms.Key(
            f"{name}-key",
            description=f"Encrypts the documents of {platform}'s jobs",
            enable_key_rotation=True,
            rotation_period_in_days=args.key_rotation_days,
            deletion_window_in_days=DELETION_WINDOW_DAYS,
            policy=key_policy(account, guards=list_guards(platform, account, protect=protect)),
            # As the vaults' keys: nobody but break-glass can change the policy.
            bypass_policy_lockout_safety_check=True if protect else None,
            opts=pulumi.ResourceOptions(parent=self, protect=protect),
        )
        alias = kms.Alias(
            f"{name}-key-alias", name=documents_key_alias(platform), target_key_id=key.key_id, opts=child
        )
        for role in args.roles:
            secretsmanager.Secret(
                f"{name}-{role}",
                name=document_name(platform, role),
                description=f"What the job of {platform}-{role} needs to know",
                kms_key_id=key.arn,
                policy=_deny_other_roles(platform, account, role),
                recovery_window_in_days=_RESTORABLE_DAYS if protect else 0,
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
