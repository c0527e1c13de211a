"""
A lease, which lets one run at a time work on a vault: a chain of documents, each written by one run.

The vault's clock decides. A lease ends at the latest PERIOD after the vault took its document, whatever the
document states, and a document that is no lease counts as one of that length.
"""

import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final

from pydantic import BaseModel, ConfigDict

from core.documents import DocumentError
from core.failure import Failure
from core.log import RunEvents
from core.moment import Moment
from recovery.vault.client import Exists
from recovery.vault.documents import read_document
from recovery.vault.vault import VaultClient

PERIOD: Final = timedelta(minutes=5)
"""How long a lease lasts after its run was killed. A live run renews it three times in this period."""

_NUMBER: Final = re.compile(r"0*([0-9]{1,30})")
_MAX_BYTES: Final = 4096
_CLOCK_STEP: Final = timedelta(seconds=2)
"""The vault tells its time in whole seconds, so that a lease which ends now could still seem to be held."""


_log = RunEvents()


class _LeaseDocument(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    holder: str
    until: Moment
    """When the lease expires. A released lease carries a time before its release."""


class Lease:
    """
    A lease that this run holds and renews in a thread. `require_held` raises after it was lost.

    The writer can't delete, so a lock can't be an object that is created and removed. Each acquisition,
    renewal and release is the next document of a chain, written under a key that must be free.
    """

    def __init__(self, vault: VaultClient, prefix: str, purpose: str, period: timedelta) -> None:
        self._vault, self._prefix, self._purpose, self._period = vault, prefix, purpose, period
        self._holder = token_hex(8)
        self._offset = vault.read_clock() - datetime.now(UTC)
        newest = read_newest_lease(vault, prefix)
        self._number = newest.number if newest else 0
        if newest and newest.until > self._now():
            raise self._taken_failure(newest.until)
        self._lost: Failure | None = None
        self._released = threading.Event()
        self._write(self._now() + period)
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def _now(self) -> datetime:
        """Return the present time by the vault's clock."""
        return datetime.now(UTC) + self._offset

    def require_held(self) -> None:
        """Raise Failure if the lease was lost: another run may be at work."""
        if self._lost:
            raise self._lost

    def release(self) -> None:
        """End the lease, so that the next run can begin. If that fails, the lease expires by itself."""
        self._released.set()
        self._thread.join()
        if not self._lost:
            try:
                self._write(self._now() - _CLOCK_STEP)
            except Failure as failure:
                _log.warning("lease not released", why=str(failure), expires=str(self._period))

    def _renew(self) -> None:
        while not self._released.wait(self._period.total_seconds() / 3):
            try:
                self._write(self._now() + self._period)
            except Failure as failure:
                self._lost = failure
                return

    def _write(self, until: datetime) -> None:
        document = _LeaseDocument(holder=self._holder, until=until)
        try:
            self._vault.put_document(
                _key(self._prefix, self._number + 1), document.model_dump_json().encode()
            )
        except Exists:
            raise self._taken_failure(until) from None
        self._number += 1

    def _taken_failure(self, until: datetime) -> Failure:
        return Failure(
            f"Another {self._purpose} is running.",
            "wait for it to end; if its process is gone, its lease runs out by itself, at the latest at "
            f"{until:%Y-%m-%d %H:%M:%S} UTC, or end it: ./bulwark break-lease.",
        )


@contextmanager
def hold_lease(
    vault: VaultClient, prefix: str, purpose: str, *, period: timedelta = PERIOD
) -> Generator[Lease]:
    """
    Hold the lease of `prefix` in a vault; `purpose` is such as `backup of the files`.

    Raises:
        Failure: another run holds it, on this machine or elsewhere.
    """
    lease = Lease(vault, prefix, purpose, period)
    try:
        yield lease
    finally:
        lease.release()


@dataclass(frozen=True)
class NewestLease:
    """The newest document of a chain of leases."""

    key: str
    number: int
    stored_at: datetime
    """When the vault took it."""

    until: datetime
    """When the lease ends, at most PERIOD after `stored_at`."""

    fault: str
    """What is wrong with the document; empty if nothing is."""


def read_newest_lease(vault: VaultClient, prefix: str) -> NewestLease | None:
    """
    Return the newest lease of a chain; None if there was none yet.

    The highest number is the newest document: each is written under the next free one.
    """
    numbered = [
        (int(match[1]), entry)
        for entry in vault.list_entries(prefix)
        if (match := _NUMBER.fullmatch(entry.key.removeprefix(prefix)))
    ]
    if not numbered:
        return None
    number, entry = max(numbered, key=lambda pair: pair[0])
    latest = entry.modified + PERIOD
    until, fault = latest, ""
    try:
        until = read_document(vault, entry, _LeaseDocument, max_bytes=_MAX_BYTES).until
    except DocumentError:
        fault = "is no lease"
    if until > latest:
        minutes = PERIOD.seconds // 60
        fault = f"claims the time until {until:%Y-%m-%d %H:%M:%S} UTC, and a lease lasts {minutes} minutes"
        until = latest
    return NewestLease(entry.key, number, entry.modified, until, fault)


def break_lease(vault: VaultClient, prefix: str, newest: NewestLease) -> None:
    """
    End a lease that another run holds; that run stops when it wants to renew it.

    Raises:
        Exists: the run has renewed or released it meanwhile.
    """
    document = _LeaseDocument(holder="broken", until=vault.read_clock() - _CLOCK_STEP)
    vault.put_document(_key(prefix, newest.number + 1), document.model_dump_json().encode())


def _key(prefix: str, number: int) -> str:
    return f"{prefix}{number:012d}"
