"""Which backup a drill restores."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from recovery.catalogue import Backup
from recovery.drill.evidence import Skipped
from recovery.manifest import BackupManifest
from toolchain.failure import Failure

M = TypeVar("M", bound=BackupManifest)


@dataclass(frozen=True)
class Chosen(Generic[M]):
    """A backup to restore, and why it is that one."""

    manifest: M
    choice: Literal["newest", "random", "chosen"]
    incident: datetime | None
    """When the loss is assumed; None: now."""

    skipped: tuple[Skipped, ...]


def choose(backups: Sequence[Backup[M]], *, backup: str | None = None, at_random: bool = False) -> Chosen[M]:
    """
    Choose among the whole backups of a store.

    Args:
        backups: The newest first.
        backup: Id of the one to choose; without it the newest.
        at_random: Choose any; the loss is then assumed just before the next one was made.

    Raises:
        Failure: there is none, or not the one that was named.
    """
    skipped = tuple(Skipped(id=one.id, why=why) for one in backups if (why := _unfit(one)))
    whole = sorted(
        (one.manifest for one in backups if one.manifest and one.manifest.whole),
        key=lambda manifest: manifest.snapshot_at,
        reverse=True,
    )
    if backup:
        fitting = [manifest for manifest in whole if manifest.id == backup]
        if not fitting:
            raise Failure(f"There is no whole backup {backup}.", "./bulwark backups lists all of them.")
        return Chosen(fitting[0], "chosen", None, ())
    if not whole:
        raise Failure("There is no whole backup.", "make one: ./bulwark backup.")
    if not at_random:
        newer = tuple(one for one in skipped if one.id > whole[0].id)
        return Chosen(whole[0], "newest", None, newer)
    position = random.SystemRandom().randrange(len(whole))
    following = whole[position - 1].snapshot_at if position else None
    return Chosen(whole[position], "random", following, ())


def _unfit(backup: Backup[M]) -> str:
    if not backup.manifest:
        return f"its manifest {backup.unreadable}"
    return "" if backup.manifest.whole else "it is not of everything"
