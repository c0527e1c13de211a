"""The vaults: where backups are kept, for how long, and which jobs fill them."""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from components import guard
from components.settings.model import (
    AwsAccount,
    AwsRegion,
    Origin,
    Positive,
    Schedule,
    SettingsModel,
    Slug,
)
from components.severity import Severity
from components.vault_names import VaultNames

_Principals = tuple[Annotated[str, StringConstraints(pattern=r"^arn:aws:iam::\d{12}:(user|role)/.+$")], ...]
_Trail = Annotated[str, StringConstraints(pattern=r"^arn:aws:cloudtrail:[a-z0-9-]+:\d{12}:trail/.+$")]
_AGE_RECIPIENT = r"^age1[02-9ac-hj-np-z]{58}$"
_OPERATOR_KEY = r"^ssh-ed25519 [A-Za-z0-9+/]{68}( .*)?$"


ELSEWHERE_KEY: Final = ("BULWARK_ELSEWHERE_ACCESS_KEY_ID", "BULWARK_ELSEWHERE_SECRET_ACCESS_KEY")
"""Variables with the access key of the vault elsewhere, no secret of the stack: deploying needs none."""


class Job(SettingsModel):
    """One scheduled job, watched by a heartbeat that is derived from it."""

    schedule: Schedule
    longest_run_minutes: Positive
    """A run that takes longer is reported as failed."""

    lateness_minutes: Positive
    """How late a start may be before an alert; hosted schedulers run hours late under load."""


class Retention(SettingsModel):
    """Days for which each tier is kept; the vault's lifecycle expires it, no code deletes a backup."""

    database_daily_days: Positive
    database_weekly_days: Positive
    database_monthly_days: Positive
    files_days: Positive
    """How long a changed or deleted file stays restorable."""

    state_days: Positive
    evidence_days: Positive
    """Drill reports; auditors ask for a year and the month before it."""


class Replica(SettingsModel):
    """The second vault, far from the first."""

    region: AwsRegion
    account: AwsAccount | None = None
    """Another account makes the copy independent of the first account's administrators."""

    profile: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None
    """
    AWS profile that signs in to that account; needed when `account` is another one.

    On an administrator's machine it is a sign-in of its own; for the jobs `.github/aws-config` says which
    role it takes on.
    """

    break_glass_principals: _Principals = ()
    """Who may take on the break-glass role of that account, as below."""

    trail: _Trail | None = None
    """ARN of a trail of CloudTrail that records that account already, as below."""


class ElsewhereSettings(SettingsModel):
    """
    A vault at another cloud: a bucket of an S3 service with versions and Object Lock, which is made by hand.

    It takes copies that are encrypted to public keys. The key of the bucket is given to the job alone.
    """

    vendor: Slug
    """Whose service it is, such as backblaze."""

    cloud: Slug
    """Whose machines it runs on; the vendor's name where they are its own."""

    endpoint: Origin
    """Address of the S3 service."""

    region: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")]
    """The service's name of its region."""

    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{2,62}$")]
    recipients: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=_AGE_RECIPIENT)], ...], Field(min_length=1)
    ]
    """Public keys (`age1...`, as age-keygen prints them). The private key of any of them reads the copies."""

    lock_days: Positive
    """How long each copy is locked in mode COMPLIANCE. Backups that are older are not copied."""

    job: Job


class BackupSettings(SettingsModel):
    """The block `bulwark:backups`."""

    account: AwsAccount
    region: AwsRegion
    """Region of the primary vault."""

    replica: Replica

    lock_mode: Literal["GOVERNANCE", "COMPLIANCE"]
    """COMPLIANCE can't be lifted by anyone, the account's root included."""

    lock_days: Positive
    """Object Lock's default retention: nothing can be deleted or overwritten earlier."""

    retention: Retention

    proof: Job
    """
    Restores each backup after it was made, and compares it. Its lateness includes that of the backup, and the
    time that the backup takes.
    """

    drill: Job
    """Restores into a throw-away environment; its heartbeat is the proof that backups are good."""

    jobs_severity: Severity = "sev2"
    """Incident level of a job that did not run or failed."""

    elsewhere: ElsewhereSettings | None = None
    """A third copy of the backups of the database and the state, at another cloud."""

    key_rotation_days: Annotated[int, Field(ge=90, le=2560)] = 365
    """AWS KMS accepts 90 to 2560 days."""

    access_log_days: Positive = 90

    environment_prefix: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]*$", max_length=20)] = ""
    """Begins the names of all those GitHub environments below that are not given, such as `staging-`."""

    backup_environment: Slug = "backup"
    """GitHub environment whose jobs may write backups of the database and the files."""

    state_environment: Slug = "state"
    """GitHub environment whose job may write backups of the stack's state."""

    restore_environment: Slug = "restore"
    """GitHub environment whose jobs may read backups."""

    drill_environment: Slug = "drill"
    """GitHub environment whose job may read backups of the database and the files, to drill."""

    state_drill_environment: Slug = "state-drill"
    """GitHub environment whose job may read backups of the state, and decrypt it, to drill."""

    copy_environment: Slug = "elsewhere"
    """GitHub environment whose job may read backups to copy them, and has the key of the vault elsewhere."""

    plan_environment: Slug = "plan"
    """GitHub environment whose jobs may read the deployed resources."""

    deploy_environment: Slug = "production"
    """GitHub environment whose jobs may deploy."""

    break_glass_principals: _Principals = ()
    """
    ARNs of the users and roles that may take on the break-glass role, with a second factor. Without any it is
    each identity of the account whose own policies allow it.
    """

    trail: _Trail | None = None
    """
    ARN of a trail of CloudTrail that records all regions of the account already, such as an organization's.
    Without one the stack makes its own; the first trail of an account is free of charge.
    """

    operator_keys: tuple[Annotated[str, StringConstraints(pattern=_OPERATOR_KEY)], ...] = ()
    """Public keys of operators whose attestations count as those of the jobs, as in OpenSSH's files."""

    bucket: str | None = None
    """Name of the primary vault's bucket; without it `<platform>-vault-<account>-<region>`."""

    @model_validator(mode="after")
    def _prefix_environments(self) -> Self:
        for name, field in type(self).model_fields.items():
            if name.endswith("_environment") and name not in self.model_fields_set:
                # As pydantic sets a frozen model's fields. A validator before it gets Python's lists, and
                # strict mode takes them for no tuples (pydantic, "Strict Mode").
                object.__setattr__(self, name, f"{self.environment_prefix}{field.default}")
        return self

    @property
    def role_environments(self) -> dict[str, str]:
        """
        The GitHub environment whose jobs may take on each role, by the role's name after the platform's.

        Without a copy elsewhere there is no role for it.
        """
        return {
            guard.WRITER: self.backup_environment,
            guard.STATE_WRITER: self.state_environment,
            guard.RESTORER: self.restore_environment,
            guard.DRILLER: self.drill_environment,
            guard.STATE_DRILLER: self.state_drill_environment,
            **({guard.COPIER: self.copy_environment} if self.elsewhere else {}),
            guard.PLANNER: self.plan_environment,
            guard.DEPLOYER: self.deploy_environment,
        }

    @property
    def drill_environments(self) -> tuple[str, str]:
        """The GitHub environments of the jobs that drill."""
        return self.drill_environment, self.state_drill_environment

    def vault(self, platform: str) -> str:
        """Return the primary vault's name, which is known without the stack's state."""
        return self.name_vaults(platform)[0].bucket

    def vault_replica(self, platform: str) -> str:
        return self.name_vaults(platform)[1].bucket

    def name_vaults(self, platform: str) -> tuple[VaultNames, VaultNames]:
        """Return the names of the primary vault and of its replica."""
        return (
            VaultNames.of(platform, self.account, self.region, self.bucket),
            VaultNames.of(platform, self.replica_account, self.replica.region),
        )

    @property
    def replica_account(self) -> str:
        return self.replica.account or self.account

    @property
    def has_second_account(self) -> bool:
        """Whether the replica is in another account than the primary vault."""
        return self.replica_account != self.account


def rules(backups: BackupSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    problems = [
        (
            f"retention.{tier}",
            f"{days} days; shorter than the Object Lock of {backups.lock_days} days, so nothing would expire",
        )
        for tier, days in backups.retention.model_dump().items()
        if days < backups.lock_days
    ]
    if backups.region == backups.replica.region:
        problems.append(("replica.region", f"{backups.replica.region}; the primary vault is there too"))
    if backups.has_second_account and backups.replica.profile is None:
        problems.append(("replica.profile", "is missing; it signs in to the replica's account"))
    if backups.elsewhere and backups.elsewhere.cloud == "aws":
        problems.append(("elsewhere.cloud", "aws; both vaults are there, name another cloud"))
    environments = [value for name, value in backups if name.endswith("_environment")]
    if len(set(environments)) < len(environments):
        twice = sorted({one for one in environments if environments.count(one) > 1})
        problems.append(
            (
                "backup_environment",
                f"{', '.join(twice)} twice; each kind of job needs a GitHub environment of its own",
            )
        )
    return problems
