"""The vault's clock, by which backups are ordered and leases end, and this machine's clock beside it."""

from datetime import UTC, datetime, timedelta
from typing import Final

from core.failure import Failure
from recovery.vault.vault import VaultClient

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clock of a machine that writes documents may be from the vault's."""


def require_right_clock(vault: VaultClient) -> datetime:
    """
    Return the vault's present time.

    Raises:
        Failure: this machine's clock is so far from it that nothing that it writes would count.
    """
    now = vault.read_clock()
    away = datetime.now(UTC) - now
    if abs(away) > TOLERANCE:
        raise Failure(
            f"This machine's clock is {abs(away).total_seconds() / 60:.0f} minutes "
            f"{'ahead of' if away > timedelta() else 'behind'} the vault's, and backups are dated by both.",
            "set the clock (NTP), then run this again.",
        )
    return now
