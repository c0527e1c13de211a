"""Two vaults in two accounts and regions, the replication between them, and the roles that may use them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
from pulumi_aws import s3

from components.account_alarms import declare_account_alarms, list_alarm_regions
from components.administration import Administration, AdministrationArgs
from components.alarm_endpoints import AlarmEndpoint
from components.bounded_role import declare_role
from components.github_oidc import OIDC_ISSUER
from components.guard import (
    COPIER,
    DRILLER,
    REPLICA_RESTORER,
    REPLICATOR,
    RESTORER,
    STATE_DRILLER,
    STATE_WRITER,
    WRITER,
    role_arn,
)
from components.identity import Identity, IdentityArgs
from components.private_bucket import BucketSettings
from components.replica_identity import ReplicaIdentity, ReplicaIdentityArgs
from components.role_policies import (
    boundary_policy,
    break_glass_policy,
    list_policies,
    list_replica_policies,
    replica_break_glass_policy,
)
from components.vault import Vault, VaultArgs, VaultRules
from components.vault_names import VaultNames

REPLICATION_MINUTES: Final = 15
"""S3 Replication Time Control replicates within 15 minutes (AWS, "Replication Time Control")."""

_SESSION_SECONDS: Final = 3600


@dataclass(frozen=True)
class VaultAccount:
    """What an account that has a vault has already."""

    break_glass_principals: tuple[str, ...] = ()
    """
    ARNs of the users and roles that may take on its break-glass role, with a second factor. Without any it is
    each identity of the account whose own policies allow it.
    """

    trail: str | None = None
    """
    ARN of a trail of CloudTrail that records all regions of the account already. Without one it is declared;
    the first trail of an account is free of charge.
    """

    has_github_issuer: bool = False
    """Whether the account has GitHub's OIDC provider already; it can have it once."""


@dataclass(frozen=True)
class BackupsArgs:
    """
    What `Backups` is made of. Names are known beforehand, for policies judge the roles' documents.

    Raises:
        ValueError: both vaults are in one region, or of two platforms.
    """

    primary: VaultNames
    replica: VaultNames
    """In another region; in another account it is independent of the first account's administrators."""

    protection: VaultRules = field(default_factory=VaultRules)
    job_subjects: Mapping[str, str] = field(default_factory=dict[str, str])
    """
    Role (components/guard.py) -> the subject of the OIDC tokens of the GitHub jobs that may take it on, such
    as `repo:OWNER/NAME:environment:backup`. A role that is left out is not made.
    """

    repository: str | None = None
    """
    The jobs' repository as the subject of their tokens names it, such as `owner@123456/name@456789`. It is
    published for policies; left out where a component around this one publishes it.
    """

    account: VaultAccount = VaultAccount()
    """The primary vault's."""

    replica_account: VaultAccount = VaultAccount()
    alarm_endpoints: Sequence[AlarmEndpoint] = ()
    """Where alarms about calls that precede a loss arrive."""

    def __post_init__(self) -> None:
        if self.primary.region == self.replica.region:
            raise ValueError(f"both vaults are in {self.primary.region}; a lost region would take both")
        if self.primary.platform != self.replica.platform:
            raise ValueError(f"the vaults are of {self.primary.platform} and of {self.replica.platform}")


class Backups(pulumi.ComponentResource):
    """
    Everything at AWS that backups need.

    Publishes for policies: `replicationMinutes`, and `githubRepository` where its arguments name one.
    `opts.providers` must hold the AWS provider of the primary region; the replica's is passed by name.
    """

    TYPE: Final = "bulwark:index:Backups"

    administration: Administration
    primary: Vault
    replica: Vault
    identity: Identity
    replica_identity: ReplicaIdentity | None
    """The roles in the replica's account, where that is another one."""

    def __init__(
        self,
        name: str,
        args: BackupsArgs,
        *,
        replica_provider: pulumi.ProviderResource,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        repository = {"githubRepository": args.repository} if args.repository else {}
        facts = {"replicationMinutes": REPLICATION_MINUTES, **repository}
        super().__init__(self.TYPE, name, facts, opts)
        child = pulumi.ResourceOptions(parent=self)
        source, copy, protection = args.primary, args.replica, args.protection
        platform, account, replica_account = source.platform, source.account, copy.account
        other_account = replica_account != account
        trail, replica_trail = args.account.trail, args.replica_account.trail
        elsewhere = pulumi.ResourceOptions(parent=self, providers={"aws": replica_provider})
        documents = list_policies([source, copy], account=account, platform=platform, trail=trail)
        self.administration = Administration(
            f"{name}-administration",
            AdministrationArgs(
                platform,
                account,
                may=break_glass_policy([source, copy], account=account, platform=platform),
                boundary=boundary_policy(documents.values()),
                trusted=args.account.break_glass_principals,
                regions=list_alarm_regions([source] if other_account else [source, copy], trail),
            ),
            opts=child,
        )
        guards = [self.administration.policy]
        self.replica_identity = None
        if other_account:
            documents_there = list_replica_policies(copy, trail=replica_trail)
            there = Administration(
                f"{name}-replica-administration",
                AdministrationArgs(
                    platform,
                    replica_account,
                    may=replica_break_glass_policy(copy),
                    boundary=boundary_policy(documents_there.values()),
                    trusted=args.replica_account.break_glass_principals,
                    regions=list_alarm_regions([copy], replica_trail),
                ),
                opts=elsewhere,
            )
            guards.append(there.policy)
            self.replica_identity = ReplicaIdentity(
                f"{name}-replica-identity",
                ReplicaIdentityArgs(
                    platform,
                    replica_account,
                    primary_account=account,
                    job_subjects=args.job_subjects,
                    policies=documents_there,
                    has_issuer=args.replica_account.has_github_issuer,
                ),
                administration=there,
                opts=elsewhere,
            )
        replicator, permission = declare_role(
            f"{name}-replicator",
            role_name=f"{platform}-{REPLICATOR}",
            does="Copies the vault to its replica",
            trust=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "s3.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                            "Condition": {"StringEquals": {"aws:SourceAccount": account}},
                        }
                    ],
                }
            ),
            policy_name="replicate",
            policy=documents[REPLICATOR],
            max_session_seconds=_SESSION_SECONDS,
            boundary=self.administration.boundary,
            boundary_arn=self.administration.boundary_arn,
            parent=self,
        )
        self.replica = Vault(
            f"{name}-replica",
            VaultArgs(copy, protection, role_arn(platform, account, REPLICATOR) if other_account else None),
            # A bucket policy can only name a role that exists, and a key that nobody guards yet could not be
            # given back.
            opts=pulumi.ResourceOptions.merge(
                elsewhere, pulumi.ResourceOptions(depends_on=[replicator, *guards])
            ),
        )

        def replicate(vault: Vault, settings: BucketSettings) -> None:
            settings.add(
                lambda opts: s3.BucketReplicationConfig(
                    f"{name}-replication",
                    bucket=vault.bucket.bucket,
                    role=replicator.arn,
                    rules=[
                        _replicate_everything(
                            self.replica, account=replica_account if other_account else None
                        )
                    ],
                    opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=self)),
                ),
                # The role may use the keys by their aliases alone.
                after=(
                    vault.versioning,
                    self.replica.versioning,
                    permission,
                    vault.alias,
                    self.replica.alias,
                ),
            )

        self.primary = Vault(
            f"{name}-vault",
            VaultArgs(source, protection),
            configure=replicate,
            opts=pulumi.ResourceOptions(parent=self, depends_on=guards),
        )
        self.identity = Identity(
            f"{name}-identity",
            IdentityArgs(
                platform,
                account,
                args.job_subjects,
                documents,
                has_issuer=args.account.has_github_issuer,
            ),
            administration=self.administration,
            opts=child,
        )
        by_account = [([source, copy], trail, child)]
        if other_account:
            by_account = [([source], trail, child), ([copy], replica_trail, elsewhere)]
        for prefix, (vaults, trail_there, opts_there) in zip(
            (name, f"{name}-replica"), by_account, strict=False
        ):
            declare_account_alarms(
                prefix,
                vaults,
                endpoints=args.alarm_endpoints,
                trail=trail_there,
                keep_days=protection.access_log_days,
                lock_mode=protection.lock_mode,
                protect=protection.protect,
                # Last: what is done to make a vault is what the alarms are about.
                opts=pulumi.ResourceOptions.merge(
                    opts_there,
                    pulumi.ResourceOptions(depends_on=[self.primary, self.replica, self.identity]),
                ),
            )
        self._args = args
        self.register_outputs({"primary": self.primary.bucket.bucket, "replica": self.replica.bucket.bucket})

    def describe_recovery(self) -> dict[str, Any]:
        """Return `vaults` and `trust` of a recovery file (docs/recovery.md): where, and whose word counts."""
        args, subjects = self._args, self._args.job_subjects
        copy = args.replica
        reader = (
            {"role": role_arn(copy.platform, copy.account, REPLICA_RESTORER)}
            if self.replica_identity and RESTORER in subjects
            else {}
        )
        drills = [subjects[role] for role in (DRILLER, STATE_DRILLER) if role in subjects]
        named = {"backup": WRITER, "restore": RESTORER, "state": STATE_WRITER, "elsewhere": COPIER}
        return {
            "vaults": {
                "primary": {"bucket": args.primary.bucket, "region": args.primary.region},
                "replica": {"bucket": copy.bucket, "region": copy.region, **reader},
            },
            "trust": {
                "issuer": {
                    "url": OIDC_ISSUER,
                    "subjects": {
                        **{key: subjects[role] for key, role in named.items() if role in subjects},
                        "drills": drills,
                    },
                }
            },
        }


def _replicate_everything(replica: Vault, *, account: str | None) -> s3.BucketReplicationConfigRuleArgsDict:
    """Return the rule that copies each version to the replica, which may be in another account."""
    destination: s3.BucketReplicationConfigRuleDestinationArgsDict = {
        "bucket": replica.bucket.arn,
        "storage_class": "STANDARD_IA",
        "encryption_configuration": {"replica_kms_key_id": replica.key.arn},
        "replication_time": {"status": "Enabled", "time": {"minutes": REPLICATION_MINUTES}},
        "metrics": {"status": "Enabled", "event_threshold": {"minutes": REPLICATION_MINUTES}},
    }
    if account:
        destination["account"] = account
        destination["access_control_translation"] = {"owner": "Destination"}
    return {
        "id": "everything",
        "status": "Enabled",
        "priority": 1,
        "filter": {"prefix": ""},
        # A delete marker hides a backup; the replica keeps showing it.
        "delete_marker_replication": {"status": "Disabled"},
        "source_selection_criteria": {"sse_kms_encrypted_objects": {"status": "Enabled"}},
        "destination": destination,
    }
