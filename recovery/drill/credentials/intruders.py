"""Who tries destructive calls, with which credential, and what each is expected to reach."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from recovery.drill.credentials.calls import (
    AWS_CALLS,
    ELSEWHERE_CALLS,
    FILES_CALLS,
    NEON_CALLS,
    SENTRY_CALLS,
    UPTIMEROBOT_CALLS,
    DestructiveCall,
)
from recovery.drill.evidence import CopyPath

Credential = Literal[
    "backup-writer",
    "state-writer",
    "backup-restorer",
    "driller",
    "state-driller",
    "copier",
    "planner",
    "deployer",
    "Neon key",
    "Supabase key",
    "Sentry token",
    "UptimeRobot key",
    "plan's Sentry token",
    "plan's UptimeRobot key",
    "elsewhere key",
    "administrator",
    "break-glass",
    "root user",
    "closed account",
]
"""
The roles are called so after the platform's name; `administrator` is a role of the account that may do
everything. `closed account` is no credential: AWS refuses every call of the account, and to its buckets.
"""


@dataclass(frozen=True)
class Intruder:
    """Somebody with one credential."""

    credential: Credential
    calls: tuple[DestructiveCall, ...]
    allowed: Mapping[str, str] = field(default_factory=dict[str, str])
    """
    Target and name of a call that is allowed -> what is left after it. Every other call has to be refused.

    The name `*` stands for every call on the target. A call with nothing left is refused after all.
    """

    loses: Collection[CopyPath] = ()
    """The copies that do not survive."""

    reaches: str = ""
    """What a thief reaches with it, for the runbook."""

    answer: str = ""
    """What to do, for the runbook."""

    def find_rest(self, call: DestructiveCall) -> str | None:
        """Return what is left after a call that is allowed; None if it has to be refused."""
        everything = self.allowed.get(f"{call.target}: *")
        return self.allowed.get(f"{call.target}: {call.name}", everything) or None


_END: Final = "End the role's sessions."
_STOPPED: Final = "every backup so far; the next ones fail, and the heartbeats raise an alarm"
_RULED: Final = "every copy so far; a service control policy refuses it, and another account's copy stays"
_ADDED: Final = "the first version of each object, which its lock keeps and a restore reads"
_NOTICED: Final = "every copy; the other vendor's monitors still raise an alarm"

_RANSOM: Final[Mapping[str, bool]] = {
    "s3:PutObject customer's key": True,
    "s3:PutObject copy onto itself, customer's key": True,
    "s3:DeleteObject dump": False,
    "s3:DeleteObject manifest": False,
    "s3:DeleteObjectVersion manifest": True,
    "s3:BypassGovernanceRetention": False,
    "s3:DeleteBucket": True,
    "s3:PutBucketVersioning suspend": True,
    "s3:PutLifecycleConfiguration all expire": False,
    "s3:PutBucketObjectLockConfiguration one day": False,
    "s3:PutReplicationConfiguration delete": False,
    "s3:PutEncryptionConfiguration delete": False,
    "s3:PutBucketPolicy open": False,
    "s3:DeleteBucketPolicy": False,
    "s3:UpdateObjectEncryption": True,
    "kms:PutKeyPolicy everybody": False,
    "kms:DisableKey": False,
    "kms:ScheduleKeyDeletion": False,
}
"""
What ransomware does with an account's root user -> whether a twin's vault refuses it.

A stack on the twin can be taken down: its policies leave the root user out, and its locks are GOVERNANCE.
"""

INTRUDERS: Final = (
    Intruder(
        "UptimeRobot key",
        UPTIMEROBOT_CALLS,
        {"monitors: *": _NOTICED},
        reaches="The monitors can be paused and deleted: an outage is noticed later.",
        answer="Make a new main key at UptimeRobot, and put it into GitHub's environment `production` as "
        "`UPTIMEROBOT_API_KEY`.",
    ),
    Intruder(
        "plan's UptimeRobot key",
        UPTIMEROBOT_CALLS,
        reaches="Monitors and contacts can be read.",
        answer="Make a new read-only key at UptimeRobot, and put it into GitHub's environment `plan`.",
    ),
    Intruder(
        "Sentry token",
        SENTRY_CALLS,
        {"error tracking: *": _NOTICED},
        reaches="Projects, alerts and check-ins can be deleted: errors are noticed later.",
        answer="Revoke the token in Sentry's organization settings, and put another into GitHub's "
        "environment `production` as `SENTRY_AUTH_TOKEN`.",
    ),
    Intruder(
        "plan's Sentry token",
        SENTRY_CALLS,
        reaches="Projects, errors and alerts can be read: treat what the errors hold as leaked.",
        answer="Revoke the token in Sentry's organization settings, and put another into GitHub's "
        "environment `plan`.",
    ),
    Intruder(
        "Supabase key",
        FILES_CALLS,
        {"files: *": "the files in the vaults; docs/runbooks/files.md brings them back"},
        reaches="Every file in every bucket can be read, overwritten and deleted.",
        answer="Make a new S3 key in Supabase's Storage settings, set `files_access_key_id` and "
        "`files_secret_access_key`, run `up`, then docs/runbooks/files.md.",
    ),
    Intruder(
        "backup-restorer",
        AWS_CALLS,
        reaches="Every backup can be read: a leak of data, and no loss.",
        answer=f"{_END} Treat the data as leaked.",
    ),
    Intruder(
        "driller",
        AWS_CALLS,
        reaches="Backups of the database and the files can be read, and the backup password: a leak.",
        answer=f"{_END} Treat the data as leaked, and replace the backup role's password.",
    ),
    Intruder(
        "state-driller",
        AWS_CALLS,
        reaches="Backups of the state can be read; its secrets are encrypted in them.",
        answer=f"{_END} If the passphrase was there as well, replace every secret of the stack.",
    ),
    Intruder(
        "copier",
        AWS_CALLS,
        reaches="The primary vault can be read: a leak of data, and no loss.",
        answer=f"{_END} Treat the data as leaked, and replace the key of the copy elsewhere.",
    ),
    Intruder(
        "planner",
        AWS_CALLS,
        reaches="What is deployed can be read, and the documents of the jobs.",
        answer=f"{_END} Replace what the jobs' documents hold.",
    ),
    Intruder(
        "state-writer",
        AWS_CALLS,
        reaches="Objects can be added, which count for nothing without an attestation of the job.",
        answer=f"{_END} `./bulwark backups` names what does not count.",
    ),
    Intruder(
        "backup-writer",
        AWS_CALLS,
        reaches="Objects can be added, which count for nothing without an attestation of the job.",
        answer=f"{_END} `./bulwark backups` names what does not count; `disown` takes what may not.",
    ),
    Intruder(
        "deployer",
        AWS_CALLS,
        {"writer's document: secretsmanager:PutSecretValue": _STOPPED},
        reaches="The writer's document can be replaced, so that the next backup fails or goes astray.",
        answer=f"{_END} Run `up`, then `./bulwark backup` and `./bulwark audit --live`.",
    ),
    Intruder(
        "elsewhere key",
        ELSEWHERE_CALLS,
        {
            **dict.fromkeys(
                (
                    "copy elsewhere: s3:PutObject overwrite",
                    "copy elsewhere: s3:PutObject manifest",
                    "copy elsewhere: s3:PutObject customer's key",
                    "copy elsewhere: s3:PutObject copy onto itself, customer's key",
                ),
                "every locked version, over which another one lies",
            ),
            "copy elsewhere: s3:PutObjectVersionAcl public": "every copy, which is encrypted",
        },
        reaches="Other versions can be put over a copy; a restore finds the first below; what "
        "is locked stays.",
        answer="Make a new key at the vendor of the copy, and set both secrets of the job.",
    ),
    Intruder(
        "Neon key",
        NEON_CALLS,
        {
            "Neon project: *": "the backups in the vaults; docs/runbooks/loss.md restores one",
            # The default branch goes with its project alone.
            "Neon project: DELETE /projects/project/branches/id": "",
        },
        loses=("history",),
        reaches="The project can be deleted, with every branch and the whole history.",
        answer="Revoke the key in Neon's console, or let `./bulwark respond rotate-api-key` replace it "
        "first; within 7 days `./bulwark respond recover-project` gives the project back, else "
        "docs/runbooks/loss.md.",
    ),
    Intruder(
        "administrator",
        AWS_CALLS,
        {
            "roles: *": _RULED,
            "roles: sts:AssumeRole deployer": "",
            "writer's document: *": _STOPPED,
            **{
                f"primary vault: {call}": _ADDED
                for call in (
                    "s3:PutObject overwrite",
                    "s3:PutObject manifest",
                    "s3:PutObjectVersionTagging gone",
                )
            },
        },
        reaches="Roles can be changed, break-glass among them, and with it all that the root user can do.",
        answer="Close the identity, take on break-glass from a safe device, and run `audit --live`.",
    ),
    Intruder(
        "break-glass",
        tuple(
            call
            for call in AWS_CALLS
            if call.target == "primary vault" and call.permission in {"kms:DisableKey", "kms:DeleteAlias"}
        ),
        {"primary vault: *": "the replica under its own key, and the copy elsewhere"},
        loses=("vault",),
        reaches="A vault's key can be disabled, so that nothing in the vault can be read.",
        answer="Enable the key again, or docs/runbooks/replica.md.",
    ),
    Intruder(
        "root user",
        tuple(call for call in AWS_CALLS if f"{call.permission} {call.how}".rstrip() in _RANSOM),
        {
            f"primary vault: {call}": "the replica in another account, and the copy elsewhere"
            for call, is_refused in _RANSOM.items()
            if not is_refused
        },
        loses=("vault",),
        reaches="On the twin, whose stack can be taken down, the vault of the account. In production the "
        "vault's policies and COMPLIANCE locks refuse it as well.",
        answer="docs/runbooks/replica.md, or docs/runbooks/elsewhere.md.",
    ),
    Intruder(
        "closed account",
        (),
        loses=("vault",),
        reaches="AWS refuses every call; what is in the account's buckets is out of reach.",
        answer="docs/runbooks/replica.md, or docs/runbooks/elsewhere.md.",
    ),
)
