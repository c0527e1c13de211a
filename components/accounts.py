"""What the platform has in its AWS accounts: vaults, keys, roles, and the documents of the roles."""

from collections.abc import Mapping
from typing import Final

import pulumi

from components.alarm_endpoints import list_alarm_endpoints
from components.backups import Backups
from components.existing import ExistingResources, is_of_accounts
from components.providers import AwsProviders
from components.role_documents import RoleDocuments
from components.settings import PROJECT, Settings


class Accounts(pulumi.ComponentResource):
    """
    All that whoever deploys the platform must not be able to change.

    Publishes for policies: `environment` and `githubRepository`, as the Platform does, and `jobsDeclaredIn`,
    the project whose jobs fill the vaults.
    """

    TYPE: Final = "bulwark:index:Accounts"

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        providers: AwsProviders,
        webhooks: Mapping[str, pulumi.Output[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare them; `webhooks` are the secret addresses of the channels that alarms are told."""
        platform = settings.platform
        existing = ExistingResources(settings.existing, is_ours=is_of_accounts)
        super().__init__(
            self.TYPE,
            name,
            {
                "environment": platform.environment,
                "githubRepository": platform.token_repository,
                "jobsDeclaredIn": PROJECT,
            },
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(providers=[providers.primary], transformations=[existing])
            ),
        )
        child = pulumi.ResourceOptions(parent=self)
        self.backups = Backups(
            "backups",
            settings.vaults,
            platform=platform,
            replica_provider=providers.replica,
            alarm_endpoints=list_alarm_endpoints(settings.alerting, webhooks),
            opts=child,
        )
        self.documents = RoleDocuments("backups-documents", settings, opts=child)
        existing.require_declared()
        self.register_outputs({})
