"""Whether a vault protects its backups: refuses one that keeps no versions or locks nothing."""

from collections.abc import Iterator

from core.failure import Failure
from recovery.vault.client import Forbidden
from recovery.vault.vault import VaultClient


def require_protection(
    vault: VaultClient, *, accept_without_versions: bool, accept_without_lock: bool, place: str
) -> tuple[str, ...]:
    """
    Return warnings about what a vault lacks, where that is accepted, and about a lock that can be lifted.

    Args:
        vault: The vault.
        accept_without_versions: Use the vault even if it keeps no versions.
        accept_without_lock: Use the vault even if it locks nothing.
        place: Where the acceptance is written, such as `vaults.primary of recovery.yaml`.

    Raises:
        Failure: the vault lacks what is not accepted, or it can't be seen.
    """
    accepts_all = accept_without_versions and accept_without_lock
    try:
        protection = vault.read_protection()
    except Forbidden as refused:
        if not accepts_all:
            raise Failure(
                f"Whether the vault {vault.bucket} protects its backups can't be seen: the credentials may "
                "not read its lock or its versions.",
                "allow s3:GetBucketObjectLockConfiguration and s3:GetBucketVersioning, or write "
                f"accept_without_versions: true and accept_without_lock: true into {place}.",
            ) from refused
        return (f"Whether the vault {vault.bucket} keeps versions and locks them can't be seen.",)
    lacks = {
        "accept_without_versions": f"The vault {vault.bucket} keeps no versions: an object that is "
        "overwritten or deleted is gone.",
        "accept_without_lock": f"The vault {vault.bucket} locks nothing: its credentials can destroy every "
        "backup.",
    }
    if protection.has_versions:
        del lacks["accept_without_versions"]
    if protection.lock:
        del lacks["accept_without_lock"]
    accepted = {
        "accept_without_versions": accept_without_versions,
        "accept_without_lock": accept_without_lock,
    }
    if refused_keys := [key for key in lacks if not accepted[key]]:
        raise Failure(
            " ".join(lacks[key] for key in refused_keys),
            "turn on versions and Object Lock with a default retention, or accept it: "
            f"{', '.join(f'{key}: true' for key in refused_keys)} in {place}.",
        )
    return (*lacks.values(), *_describe_weak_lock(vault, protection.lock.mode if protection.lock else ""))


def _describe_weak_lock(vault: VaultClient, mode: str) -> Iterator[str]:
    if mode == "GOVERNANCE":
        yield (
            f"The lock of the vault {vault.bucket} can be lifted by whoever has "
            "s3:BypassGovernanceRetention: its mode is GOVERNANCE."
        )
