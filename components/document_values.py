"""The values of the roles' documents, which the administrator's stack has made without one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_aws import secretsmanager


@dataclass(frozen=True)
class DocumentValuesArgs:
    """What `DocumentValues` is made of."""

    names: Mapping[str, str]
    """Role -> name of its secret (components/document_names.py)."""

    documents: Mapping[str, pulumi.Input[str]] = field(repr=False)
    """Secret. Role -> its document, as JSON."""


class DocumentValues(pulumi.ComponentResource):
    """For each role the newest version of its document (components/role_documents.py)."""

    TYPE: Final = "bulwark:index:DocumentValues"

    names: Mapping[str, str]
    """Role -> name of its secret."""

    def __init__(
        self, name: str, args: DocumentValuesArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(self.TYPE, name, None, opts)
        self.names = args.names
        for role, secret in args.names.items():
            secretsmanager.SecretVersion(
                f"{name}-{role}",
                secret_id=secret,
                secret_string=pulumi.Output.secret(args.documents[role]),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})
