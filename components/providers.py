"""Explicit providers, so that no component uses a default one with the environment's credentials."""

from dataclasses import dataclass

import pulumi
import pulumi_aws
import pulumi_neon
import pulumi_sentry
import pulumi_uptimerobot

from components.secrets import Secrets
from components.settings import Settings


@dataclass(frozen=True)
class Providers:
    """One provider per vendor, and one per vault at AWS."""

    neon: pulumi_neon.Provider
    uptimerobot: pulumi_uptimerobot.Provider
    sentry: pulumi_sentry.Provider
    aws: pulumi_aws.Provider
    aws_replica: pulumi_aws.Provider


def build(settings: Settings, secrets: Secrets) -> Providers:
    """Configure every provider from settings and secrets."""
    backups = settings.backups
    tags = {
        "Project": settings.platform.name,
        "Environment": settings.platform.environment,
        "ManagedBy": "pulumi",
    }
    replica = backups.replica
    return Providers(
        # The bridged schema leaves this key in clear, and the provider would write it to the state in clear.
        neon=pulumi_neon.Provider(
            "neon",
            api_key=secrets["neon_api_key"],
            opts=pulumi.ResourceOptions(additional_secret_outputs=["apiKey"]),
        ),
        uptimerobot=pulumi_uptimerobot.Provider("uptimerobot", api_key=secrets["uptimerobot_api_key"]),
        sentry=pulumi_sentry.Provider("sentry", token=secrets["sentry_auth_token"]),
        aws=pulumi_aws.Provider(
            "aws",
            region=backups.region,
            allowed_account_ids=[backups.account],
            default_tags={"tags": tags},
        ),
        aws_replica=pulumi_aws.Provider(
            "aws-replica",
            region=replica.region,
            allowed_account_ids=[replica.account or backups.account],
            assume_roles=[{"role_arn": replica.role}] if replica.role else None,
            default_tags={"tags": tags},
        ),
    )
