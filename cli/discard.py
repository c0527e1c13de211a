"""`./bulwark discard`: servers that `restore --to new` made are removed."""

import sys

from cli.servers import remove, there
from toolchain.failure import Failure


def discard(*backups: str) -> int:
    """
    Remove servers on this machine that `restore --to new` made, with all that is in them.

    Args:
        backups: Ids of what was restored there; without any, they are listed.

    Returns:
        0 when they are gone.
    """
    known = there()
    if unknown := [backup for backup in backups if backup not in known]:
        raise Failure(
            f"No server on this machine holds {unknown[0]}.",
            f"choose one of these: {', '.join(known) or 'there is none'}.",
        )
    for backup in backups:
        remove(backup)
        sys.stdout.write(f"Removed {backup}.\n")
    if not backups:
        sys.stdout.write("".join(f"{backup}\n" for backup in known) or "There is no such server.\n")
    return 0
