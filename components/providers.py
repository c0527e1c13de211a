"""Explicit providers, so that no component uses a default one with the environment's credentials."""

from dataclasses import dataclass

import pulumi
import pulumi_aws
import pulumi_railway
import pulumi_sentry
import pulumi_uptimerobot
import pulumi_vercel

from components import neon
from components.settings import Settings


@dataclass(frozen=True)
class Providers:
    """What the platform's stack is made by: one provider per vendor."""

    neon: pulumi.ProviderResource | None
    uptimerobot: pulumi_uptimerobot.Provider | None
    sentry: pulumi_sentry.Provider | None
    pagerduty: pulumi.ProviderResource | None
    railway: pulumi_railway.Provider | None
    vercel: pulumi_vercel.Provider | None
    aws: pulumi_aws.Provider | None
    """It writes the documents of the roles, and nothing else."""

    def list_used(self) -> list[pulumi.ProviderResource]:
        """Return the providers of the vendors that the settings name."""
        watching = (self.uptimerobot, self.sentry, self.pagerduty)
        every = (self.neon, *watching, self.railway, self.vercel, self.aws)
        return [provider for provider in every if provider]


@dataclass(frozen=True)
class AwsProviders:
    """What the administrator's stack is made by: one provider per vault."""

    primary: pulumi_aws.Provider
    replica: pulumi_aws.Provider


def build(settings: Settings) -> Providers:
    """Configure the platform's providers; the credentials are those of the environment."""
    return Providers(
        # Without a token as input they read their vendor's own variable (`secrets.TOKEN_VARIABLES`).
        neon=neon.declare_provider() if settings.neon else None,
        uptimerobot=pulumi_uptimerobot.Provider("uptimerobot") if settings.uptime else None,
        sentry=pulumi_sentry.Provider("sentry") if settings.errors else None,
        pagerduty=_pagerduty() if settings.oncall else None,
        railway=pulumi_railway.Provider("railway") if settings.at_railway else None,
        # Without `team`, which would be looked up in each preview: each variable names its own.
        vercel=pulumi_vercel.Provider("vercel") if settings.at_vercel else None,
        aws=_primary("aws", settings) if settings.backups else None,
    )


def _pagerduty() -> pulumi.ProviderResource:
    import pulumi_pagerduty  # noqa: PLC0415 - who has no on-call does not wait for its package

    return pulumi_pagerduty.Provider("pagerduty")


def build_aws(settings: Settings) -> AwsProviders:
    """Configure the administrator's providers; the credentials are those of the environment."""
    backups, replica = settings.vaults, settings.vaults.replica
    return AwsProviders(
        primary=_primary("aws-primary", settings),
        replica=pulumi_aws.Provider(
            "aws-replica",
            region=replica.region,
            allowed_account_ids=[backups.replica_account],
            # An administrator signs in there, and the jobs take on a role: one name for both, so that the
            # state does not change with who ran the program last.
            profile=replica.profile,
            default_tags={"tags": _tags(settings)},
        ),
    )


def _primary(name: str, settings: Settings) -> pulumi_aws.Provider:
    backups = settings.vaults
    return pulumi_aws.Provider(
        name,
        region=backups.region,
        allowed_account_ids=[backups.account],
        default_tags={"tags": _tags(settings)},
    )


def _tags(settings: Settings) -> dict[str, str]:
    return {
        "Project": settings.platform.name,
        "Environment": settings.platform.environment,
        "ManagedBy": "pulumi",
    }
