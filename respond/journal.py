"""
The records of responses: on this machine while a step runs, and in the vault when it has ended.

An incident may have taken the vault, or the right to write to it, away. So each change is written down here
before it is made, and what the vault does not have yet is put there by a later call.
"""

import fcntl
import os
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core import vault_layout
from core.documents import DocumentError, read_file
from core.failure import Failure
from core.lock_file import open_lock_file
from recovery.attestation import Trust, pair_with_attestations, put_attested
from recovery.catalogue import read_attested
from recovery.context import RecoveryContext
from recovery.vault.client import Exists
from recovery.vault.vault import VaultClient
from respond.record import ResponseRecord, parse

_SENT: Final = ".sent"
"""End of the name of a file whose record the vault has."""


@dataclass(frozen=True)
class ListedResponse:
    """A record, and where it is."""

    id: str
    record: ResponseRecord | None
    in_vault: bool
    doubt: str = ""
    """Why it does not count or can't be read; empty if it does."""


class ResponseJournal:
    """The records of one stack on this machine. The folder is private to the user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def lock(self) -> Generator[None]:
        """
        Make the folder, and let one response be at work in it.

        Raises:
            Failure: another one is.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open_lock_file(self._folder / ".lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failure("Another response is at work on this machine.", "wait for its end.") from None
            yield

    def write(self, record: ResponseRecord) -> None:
        """Write a record: the file is there whole, or as it was."""
        record = ResponseRecord.model_validate(record.model_dump())  # a copy was not checked
        partial = self._folder / f".{record.id}.{os.getpid()}"
        partial.touch(mode=0o600)
        partial.write_bytes(record.to_json())
        partial.replace(self._folder / f"{record.id}.json")

    def read(self) -> list[ResponseRecord]:
        """Return what can be read, the newest first."""
        records: list[ResponseRecord] = []
        for file in sorted(self._folder.glob("*.json"), reverse=True):
            try:
                records.append(parse(read_file(file)))
            except (DocumentError, OSError):
                continue
        return records

    def find_unfinished(self, step: str, target: str, options: dict[str, str]) -> ResponseRecord | None:
        """Return the record of the same call that broke off; None if there is none."""
        return next(
            (
                record
                for record in self.read()
                if record.outcome != "carried out"
                and (record.step, record.target, record.options) == (step, target, options)
                and not self._mark_of(record).exists()
            ),
            None,
        )

    def send(self, context: RecoveryContext) -> list[str]:
        """
        Put the records that have ended into the vault, and return their ids.

        Raises:
            Failure: the vault does not take one.
        """
        sent: list[str] = []
        for record in self.read():
            if record.ended is None or self._mark_of(record).exists():
                continue
            with suppress(Exists):  # an interrupted call had put it there
                put_attested(
                    context.recording_vault,
                    vault_layout.response(record.id),
                    record.to_json(),
                    context.issue_token,
                )
            self._mark_of(record).touch(mode=0o600)
            sent.append(record.id)
        return sent

    def _mark_of(self, record: ResponseRecord) -> Path:
        """Return the file that says that the vault has a record."""
        return self._folder / f"{record.id}{_SENT}"


def read_responses(vault: VaultClient, trust: Trust) -> list[ListedResponse]:
    """Return the records in a vault, the newest first. Raises Failure."""
    listed: list[ListedResponse] = []
    entries = list(vault.list_originals(vault_layout.RESPONSES))
    for entry, attestation in pair_with_attestations(entries):
        name = entry.key.removeprefix(vault_layout.RESPONSES).removesuffix(".json")
        body, doubt = read_attested(vault, entry, attestation, trust, "restore")
        try:
            record = parse(body)
        except DocumentError as error:
            listed.append(ListedResponse(name, None, in_vault=True, doubt=f"can't be read: {error}"))
            continue
        if record.id != name:
            doubt = "tells of another response than its name"
        listed.append(ListedResponse(name, record, in_vault=True, doubt=doubt))
    return sorted(listed, key=lambda response: response.id, reverse=True)


def merge(stored: Collection[ListedResponse], local: Collection[ResponseRecord]) -> list[ListedResponse]:
    """Return the records of the vault and those that only this machine has, the newest first."""
    known = {response.id for response in stored}
    own = [ListedResponse(record.id, record, in_vault=False) for record in local if record.id not in known]
    return sorted((*stored, *own), key=lambda response: response.id, reverse=True)
