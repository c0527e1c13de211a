"""One run at a time, by the vault alone: a chain of documents, each of which only one run can write."""

import threading
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from core.failure import Failure
from recovery.vault.client import Exists
from recovery.vault.vault import VaultClient

PERIOD: Final = timedelta(minutes=5)
"""After this a run that was killed is in nobody's way; a live one renews its lease every third of it."""

_log = structlog.get_logger("lease")


class _Link(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: str
    until: AwareDatetime
    """In the past of whoever let go of it."""


class Lease:
    """
    A lease that is held. `hold` raises once it was lost.

    The writer can delete nothing, so a lock can't be an object that comes and goes: each change of hands,
    renewal and release is the next document of a chain, written under a key that must be free.
    """

    def __init__(self, vault: VaultClient, prefix: str, what: str, period: timedelta) -> None:
        self._vault, self._prefix, self._what, self._period = vault, prefix, what, period
        self._me = token_hex(8)
        self._number, newest = _newest(vault, prefix)
        if newest and newest.until > datetime.now(UTC):
            raise self._taken(newest.until)
        self._lost: Failure | None = None
        self._ended = threading.Event()
        self._write(datetime.now(UTC) + period)
        self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._renewing.start()

    def hold(self) -> None:
        """Raise Failure where the lease was lost: another run may be at work."""
        if self._lost:
            raise self._lost

    def release(self) -> None:
        """Let the next run begin at once; one that is lost, or whose vault is gone, is left to expire."""
        self._ended.set()
        self._renewing.join()
        if not self._lost:
            try:
                self._write(datetime.now(UTC))
            except Failure as failure:
                _log.warning("lease not released", why=str(failure), expires=str(self._period))

    def _renew(self) -> None:
        while not self._ended.wait(self._period.total_seconds() / 3):
            try:
                self._write(datetime.now(UTC) + self._period)
            except Failure as failure:
                self._lost = failure
                return

    def _write(self, until: datetime) -> None:
        link = _Link(holder=self._me, until=until)
        try:
            self._vault.put(f"{self._prefix}{self._number + 1:012d}", link.model_dump_json().encode())
        except Exists:
            raise self._taken(until) from None
        self._number += 1

    def _taken(self, until: datetime) -> Failure:
        return Failure(
            f"Another {self._what} is running.",
            "wait for it to end; if its process is gone, its lease runs out by itself, at the latest at "
            f"{until:%Y-%m-%d %H:%M:%S} UTC.",
        )


@contextmanager
def leased(vault: VaultClient, prefix: str, what: str, *, period: timedelta = PERIOD) -> Generator[Lease]:
    """
    Hold the lease of `prefix` in a vault; `what` is what it is for, such as `backup of the files`.

    Raises:
        Failure: where another run holds it, on this machine or elsewhere.
    """
    lease = Lease(vault, prefix, what, period)
    try:
        yield lease
    finally:
        lease.release()


def _newest(vault: VaultClient, prefix: str) -> tuple[int, _Link | None]:
    last = deque(vault.listed(prefix), maxlen=1)
    if not last:
        return 0, None
    [entry] = last
    try:
        link = _Link.model_validate_json(b"".join(vault.read(entry.key, entry.version)))
        return int(entry.key.removeprefix(prefix)), link
    except (ValidationError, ValueError):
        raise Failure(
            f"{entry.key} in vault {vault.bucket} is no lease of ours.",
            "find out who writes there; until then no run can be sure to be alone.",
        ) from None
