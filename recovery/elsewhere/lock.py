"""The lock of what lies in a vault elsewhere: in mode COMPLIANCE, object by object, and read back."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from zlib import crc32

from core.failure import Failure
from recovery.elsewhere.copies import CopyRules
from recovery.manifest import StoredObject
from recovery.vault.client import Forbidden, Missing
from recovery.vault.upload import PutOptions
from recovery.vault.vault import VaultClient

_LOCK_TOLERANCE: Final = timedelta(hours=1)
"""How much earlier than asked for a lock may end: services round it."""

_RENEWED_SHARE: Final = 1 / 7
"""The share of a lock that has passed at most when it is renewed: of 35 days at least 30 are always left."""


def require_compliance_lock(vault: VaultClient) -> None:
    """
    Raise Failure unless the vault keeps versions and can lock them so that nobody lifts the lock.

    That each copy really got such a lock is compared after it was written.
    """
    why = "the vault elsewhere must keep backups from whoever has its credentials"
    try:
        protection = vault.read_protection()
    except Forbidden as refused:
        raise Failure(
            f"Whether the vault {vault.bucket} locks what is in it can't be seen, and {why}.",
            "let its key read the bucket's lock (s3:GetBucketObjectLockConfiguration, B2: "
            "readBucketRetentions).",
        ) from refused
    if not protection.has_versions or not protection.has_object_lock:
        lacks = (
            "has no Object Lock" if protection.has_versions else "keeps no versions and has no Object Lock"
        )
        raise Failure(
            f"The vault {vault.bucket} {lacks}, and {why}.",
            "make a bucket with Object Lock at a service that has it; docs/production.md names some.",
        )
    if protection.lock and protection.lock.mode != "COMPLIANCE":
        raise Failure(
            f"The lock of the vault {vault.bucket} can be lifted: its mode is {protection.lock.mode}, and "
            f"{why}.",
            "set the bucket's default retention to COMPLIANCE, or to none: each copy gets its own lock.",
        )


def store_locked(
    vault: VaultClient,
    key: str,
    chunks: Iterable[bytes],
    rules: CopyRules,
    *,
    expected_bytes: int | None = None,
) -> StoredObject:
    """
    Store an object with a lock of its own, under a key that may have versions already.

    Raises:
        Failure: it can't be stored, or is not locked as asked for.
    """
    until = _lock_end(rules)
    stored = vault.store(
        key,
        chunks,
        expected_bytes=expected_bytes,
        options=PutOptions(
            # Not each service knows the condition of a new key. A second version takes nothing from the
            # first.
            create_only=False,
            headers={"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until},
        ),
    )
    _require_locked(vault, stored, until)
    return stored


def renew_lock(vault: VaultClient, stored: StoredObject, rules: CopyRules) -> StoredObject | None:
    """
    Return a stored object whose lock lasts as long as that of a new one, but for a seventh.

    None if it has to be stored again: its lock has ended, or it is not there any more.

    Raises:
        Failure: the vault can't be asked, or does not lock it for longer.
    """
    now = datetime.now(UTC)
    if not stored.locked_until or stored.locked_until <= now:
        return None
    # A share by key, so that not all locks are renewed in one run.
    share = _RENEWED_SHARE * (1 + crc32(stored.key.encode()) / (1 << 32)) / 2
    if stored.locked_until >= now + (1 - share) * timedelta(days=rules.lock_days):
        return stored
    until = _lock_end(rules)
    try:
        ends = vault.extend_lock(stored.key, stored.version, until)
    except Missing:
        return None
    renewed = stored.model_copy(update={"lock_mode": "COMPLIANCE" if ends else None, "locked_until": ends})
    _require_locked(vault, renewed, until)
    return renewed


def _lock_end(rules: CopyRules) -> datetime:
    return (datetime.now(UTC) + timedelta(days=rules.lock_days)).replace(microsecond=0)


def _require_locked(vault: VaultClient, stored: StoredObject, until: datetime) -> None:
    if stored.lock_mode != "COMPLIANCE" or not stored.locked_until:
        raise Failure(
            f"{stored.key} was stored in the vault {vault.bucket} and is not locked in mode COMPLIANCE, "
            "though that was asked for.",
            "use another service; docs/production.md names some whose lock nobody can lift.",
        )
    if stored.locked_until < until - _LOCK_TOLERANCE:
        raise Failure(
            f"{stored.key} is locked in the vault {vault.bucket} until {stored.locked_until:%Y-%m-%d} alone.",
            "see what limits the retention there.",
        )
