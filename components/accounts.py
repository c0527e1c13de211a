"""What the platform has in its AWS accounts: vaults, keys, roles, and the documents of the roles."""

from collections.abc import Iterator, Mapping
from typing import Final

import pulumi

from components.alarm_endpoints import AlarmEndpoint
from components.backups import Backups, BackupsArgs, VaultAccount
from components.document_names import list_roles_with_documents
from components.existing import ExistingResources, is_of_accounts
from components.providers import AwsProviders
from components.role_documents import RoleDocuments, RoleDocumentsArgs
from components.settings import PROJECT, Settings
from components.vault import RetentionDays, VaultRules


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
            _describe_backups(settings, webhooks),
            replica_provider=providers.replica,
            opts=child,
        )
        self.documents = RoleDocuments(
            "backups-documents",
            RoleDocumentsArgs(
                platform.name,
                settings.vaults.account,
                list_roles_with_documents(copies_elsewhere=bool(settings.vaults.elsewhere)),
                settings.vaults.key_rotation_days,
                platform.protected,
            ),
            opts=child,
        )
        existing.require_declared()
        self.register_outputs({})


def _describe_backups(settings: Settings, webhooks: Mapping[str, pulumi.Output[str]]) -> BackupsArgs:
    backups, platform = settings.vaults, settings.platform
    primary, replica = backups.name_vaults(platform.name)
    return BackupsArgs(
        primary,
        replica,
        VaultRules(
            backups.lock_mode,
            backups.lock_days,
            RetentionDays(**dict(backups.retention)),
            backups.key_rotation_days,
            backups.access_log_days,
            platform.protected,
        ),
        job_subjects={
            role: platform.subject(environment) for role, environment in backups.role_environments.items()
        },
        account=VaultAccount(backups.break_glass_principals, backups.trail),
        replica_account=VaultAccount(backups.replica.break_glass_principals, backups.replica.trail),
        alarm_endpoints=list(_list_alarm_endpoints(settings, webhooks)),
    )


def _list_alarm_endpoints(
    settings: Settings, webhooks: Mapping[str, pulumi.Output[str]]
) -> Iterator[AlarmEndpoint]:
    """
    Yield the mailboxes and webhooks of the first level.

    Slack confirms no subscription, and PagerDuty's integration key is no address.
    """
    alerting = settings.alerting
    for name in alerting.route("sev1"):
        channel = alerting.channels[name]
        if channel.type == "email":
            yield AlarmEndpoint(name, "email", channel.address)
        elif channel.type == "webhook":
            scheme = pulumi.Output.unsecret(webhooks[name].apply(lambda url: url.partition(":")[0]))
            yield AlarmEndpoint(name, scheme, webhooks[name])
