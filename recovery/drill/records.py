"""
The evidence of drills in a vault: written once, locked, and listed.

A drill also verifies the backup that it restores: `verification_history` has the results by backup.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from core import vault_layout
from recovery.catalogue import Backup, Verification
from recovery.drill.evidence import Drill, Scenario, StackLocation
from recovery.manifest import BackupManifest, StoredObject, StoreName
from recovery.vault.objects import ObjectInfo, VersionEntry
from recovery.vault.vault import VaultClient

VerificationHistory = Mapping[tuple[str, str], Sequence[Verification]]
"""Verifications by drills, by key and version of the backup's manifest."""


@dataclass(frozen=True)
class DrillRecord:
    """The evidence of one drill; `unreadable` is the reason if it can't be read, else empty."""

    id: str
    drill: Drill | None
    unreadable: str

    @property
    def summary(self) -> str:
        """The drill's id, which begins with its time, and its verdict."""
        return f"{self.id} {self.drill.verdict if self.drill else self.unreadable}"


def hide_secrets(drill: Drill, secrets: Iterable[str]) -> Drill:
    """
    Return the evidence with the given secrets replaced in every text.

    Credentials were hidden by their form when they were entered; a password has no form.
    """
    text = drill.model_dump_json()
    for secret in filter(None, secrets):
        text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "[a secret]")
    return parse(text.encode())


def to_json(drill: Drill) -> bytes:
    """Return the document to store. Equal evidence gives equal bytes."""
    return drill.model_dump_json(indent=2).encode() + b"\n"


def parse(document: bytes) -> Drill:
    """
    Return the drill of a document.

    Raises:
        ValidationError: it is no evidence, or states what differs from the computation.
    """
    return Drill.model_validate_json(document)


def describe_error(error: ValidationError) -> str:
    """Return the first error of a document with its place, without any value of the document."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    path = ".".join(str(step) for step in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    text = f"{path}: {message}" if path else message[0].lower() + message[1:]
    return f"{text}, and {len(others)} more" if others else text


def store(vault: VaultClient, drill: Drill) -> StoredObject:
    """
    Store the evidence of a drill in the vault; the writer's role is needed.

    Raises:
        Exists: the vault has evidence of this drill, which is not changed.
        Failure: it can't be stored.
    """
    return vault.put(vault_layout.drill(drill.identity.id), to_json(drill))


def read_info(vault: VaultClient, drill_id: str) -> ObjectInfo:
    """
    Return the metadata of a drill's evidence in the vault, such as its lock.

    Raises:
        Failure: there is none, or the request fails.
    """
    return vault.head(vault_layout.drill(drill_id))


def read_records(vault: VaultClient, *, last: int | None = None) -> list[DrillRecord]:
    """Return the evidence of all drills, or of the `last` ones, the newest first."""
    versions = _list_versions(vault)
    newest = sorted(versions, reverse=True)[:last]
    return [_read_record(vault, drill_id, versions[drill_id]) for drill_id in newest]


def newest_passed(records: Iterable[DrillRecord], stack: str, place: StackLocation) -> dict[StoreName, Drill]:
    """Return, by store, the newest drill in which every scenario of the store passed."""
    last: dict[StoreName, Drill] = {}
    for drill in sorted(
        (record.drill for record in records if record.drill), key=lambda drill: drill.started
    ):
        if (drill.identity.stack, drill.identity.place) != (stack, place) or drill.error:
            continue
        failed = {store for one in drill.scenarios if one.verdict == "failed" for store in one.stores}
        for scenario in drill.scenarios:
            last |= {store: drill for store in scenario.stores if store not in failed}
    return last


def verification_history(records: Iterable[DrillRecord]) -> VerificationHistory:
    """Return the verifications of backups by drills."""
    history: defaultdict[tuple[str, str], list[Verification]] = defaultdict(list)
    for record in records:
        for scenario in record.drill.scenarios if record.drill else ():
            point = scenario.recovery_point
            if point and point.held and (verification := _verification_of(scenario, point.id)):
                history[point.held.key, point.held.version].append(verification)
    return history


def verifications_of(history: VerificationHistory, backup: Backup[BackupManifest]) -> Sequence[Verification]:
    """Return the verifications of one backup by drills."""
    return history.get((backup.listing.entry.key, backup.listing.entry.version), ())


def _verification_of(scenario: Scenario, backup: str) -> Verification | None:
    """
    Return a scenario's verification of the restored backup; None if the scenario proves nothing about it.

    Failed checks are the backup's problems; a missed objective is not. A scenario with an error, or with
    checks that could not run, proves nothing unless another check failed.
    """
    verified = scenario.times.get("verified")
    problems = tuple(check.fault for check in scenario.checks if check.outcome == "failed")
    is_incomplete = scenario.error or any(check.outcome == "not_run" for check in scenario.checks)
    if not verified or verified.seconds is None or (is_incomplete and not problems):
        return None
    at = scenario.declared + timedelta(seconds=verified.seconds)
    return Verification(backup=backup, at=at, deep=True, problems=problems)


def _list_versions(vault: VaultClient) -> dict[str, list[VersionEntry]]:
    """Return the versions of each document, by the drill's id."""
    versions: dict[str, list[VersionEntry]] = defaultdict(list)
    for entry in vault.list_entries(vault_layout.DRILLS, versions=True):
        name = entry.key.removeprefix(vault_layout.DRILLS)
        if not entry.is_delete_marker and name.endswith(".json"):
            versions[name.removesuffix(".json")].append(entry)
    return versions


def _read_record(vault: VaultClient, drill_id: str, versions: list[VersionEntry]) -> DrillRecord:
    if len(versions) > 1:
        return DrillRecord(drill_id, None, f"has {len(versions)} versions; evidence is written once")
    entry = versions[0]
    try:
        drill = parse(b"".join(vault.read(entry.key, entry.version)))
    except ValidationError as error:
        return DrillRecord(drill_id, None, f"can't be read: {describe_error(error)}")
    if drill.identity.id != drill_id:
        return DrillRecord(drill_id, None, "tells of another drill than its name")
    return DrillRecord(drill_id, drill, "")
