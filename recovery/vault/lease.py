"""A lease, which lets one run at a time work on a vault: a chain of documents, each written by one run."""

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
"""How long a lease lasts after its run was killed. A live run renews it three times in this period."""

_log = structlog.get_logger("lease")


class _LeaseDocument(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    holder: str
    until: AwareDatetime
    """When the lease expires. A released lease carries the time of its release."""


class Lease:
    """
    A lease that this run holds and renews in a thread. `require_held` raises after it was lost.

    The writer can't delete, so a lock can't be an object that is created and removed. Each acquisition,
    renewal and release is the next document of a chain, written under a key that must be free.
    """

    def __init__(self, vault: VaultClient, prefix: str, purpose: str, period: timedelta) -> None:
        self._vault, self._prefix, self._purpose, self._period = vault, prefix, purpose, period
        self._holder = token_hex(8)
        self._number, newest = _read_newest(vault, prefix)
        if newest and newest.until > datetime.now(UTC):
            raise self._taken_failure(newest.until)
        self._lost: Failure | None = None
        self._released = threading.Event()
        self._write(datetime.now(UTC) + period)
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

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
                self._write(datetime.now(UTC))
            except Failure as failure:
                _log.warning("lease not released", why=str(failure), expires=str(self._period))

    def _renew(self) -> None:
        while not self._released.wait(self._period.total_seconds() / 3):
            try:
                self._write(datetime.now(UTC) + self._period)
            except Failure as failure:
                self._lost = failure
                return

    def _write(self, until: datetime) -> None:
        document = _LeaseDocument(holder=self._holder, until=until)
        try:
            self._vault.put(f"{self._prefix}{self._number + 1:012d}", document.model_dump_json().encode())
        except Exists:
            raise self._taken_failure(until) from None
        self._number += 1

    def _taken_failure(self, until: datetime) -> Failure:
        return Failure(
            f"Another {self._purpose} is running.",
            "wait for it to end; if its process is gone, its lease runs out by itself, at the latest at "
            f"{until:%Y-%m-%d %H:%M:%S} UTC.",
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


def _read_newest(vault: VaultClient, prefix: str) -> tuple[int, _LeaseDocument | None]:
    last = deque(vault.list_entries(prefix), maxlen=1)
    if not last:
        return 0, None
    [entry] = last
    try:
        document = _LeaseDocument.model_validate_json(b"".join(vault.read(entry.key, entry.version)))
        return int(entry.key.removeprefix(prefix)), document
    except (ValidationError, ValueError):
        raise Failure(
            f"{entry.key} in vault {vault.bucket} is no lease of ours.",
            "find out who writes there; until then no run can be sure to be alone.",
        ) from None
