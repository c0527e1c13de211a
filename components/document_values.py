"""The values of the roles' documents, which the administrator's stack has made without one."""

import json
from collections.abc import Mapping
from typing import Any, Final

import pulumi
from pulumi_aws import secretsmanager

from components.recovery_description import (
    DeployedValues,
    describe_role,
    document_name,
    roles_with_documents,
)
from components.settings import Settings


class DocumentValues(pulumi.ComponentResource):
    """For each role the newest version of its document (components/role_documents.py)."""

    TYPE: Final = "bulwark:index:DocumentValues"

    names: Mapping[str, str]
    """Role -> name of its secret."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        stack: str,
        values: Mapping[str, pulumi.Input[Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`values` are the fields of `DeployedValues`; what is made of them is secret as a whole."""
        super().__init__(self.TYPE, name, None, opts)
        roles = roles_with_documents(settings.vaults)
        self.names = {role: document_name(settings.platform.name, role) for role in roles}
        for role in roles:
            secretsmanager.SecretVersion(
                f"{name}-{role}",
                secret_id=self.names[role],
                secret_string=pulumi.Output.secret(
                    pulumi.Output.all(**values).apply(
                        lambda known, role=role: json.dumps(
                            describe_role(settings, stack, role, DeployedValues(**known))
                        )
                    )
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
