"""The evidence of all drills, in the vault: put there once, locked, and found again."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError

from core import vault_layout
from recovery.catalogue import Backup, Verification
from recovery.drill.evidence import Drill, Scenario, StackLocation, StoreName
from recovery.manifest import BackupManifest, Stored
from recovery.vault.objects import ObjectInfo, VersionEntry
from recovery.vault.vault import VaultClient


@dataclass(frozen=True)
class Record:
    """The evidence of one drill; `unreadable` says what is wrong with it, if it can't be read."""

    id: str
    drill: Drill | None
    unreadable: str

    @property
    def told(self) -> str:
        """Its id, which begins with its time, and how it ended."""
        return f"{self.id} {self.drill.verdict if self.drill else self.unreadable}"


def without(drill: Drill, secrets: Iterable[str]) -> Drill:
    """
    Return the evidence without the secrets that the drill used, wherever they stand in a text.

    Credentials were hidden by their form when they were put in; a password has none.
    """
    text = drill.model_dump_json()
    for secret in filter(None, secrets):
        text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "[a secret]")
    return read(text.encode())


def written(drill: Drill) -> bytes:
    """Return the document that is stored; the same evidence gives the same bytes."""
    return drill.model_dump_json(indent=2).encode() + b"\n"


def read(document: bytes) -> Drill:
    """
    Return the drill that a document tells of.

    Raises:
        ValidationError: for one that is no evidence, or states what its own content doesn't show.
    """
    return Drill.model_validate_json(document)


def said(error: ValidationError) -> str:
    """Say where a document is not what it must be; no value of it is repeated."""
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    where = ".".join(str(step) for step in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    what = f"{where}: {message}" if where else message[0].lower() + message[1:]
    return f"{what}, and {len(others)} more" if others else what


def keep(vault: VaultClient, drill: Drill) -> Stored:
    """
    Put the evidence of a drill into the vault; needs the role that writes.

    Raises:
        Exists: where the vault has that drill's evidence; it is left as it is.
        Failure: for whatever else keeps it from being stored.
    """
    return vault.put(vault_layout.drill(drill.identity.id), written(drill))


def stored(vault: VaultClient, identity: str) -> ObjectInfo:
    """
    Return what the vault tells of a drill's evidence, its lock too.

    Raises:
        Failure: where it can't be known.
    """
    return vault.head(vault_layout.drill(identity))


def records(vault: VaultClient, *, last: int | None = None) -> list[Record]:
    """Return the evidence of all drills, or of the last few, the newest first."""
    versions = _versions(vault)
    newest = sorted(versions, reverse=True)[:last]
    return [_opened(vault, identity, versions[identity]) for identity in newest]


def passed(found: Iterable[Record], stack: str, place: StackLocation) -> dict[StoreName, Drill]:
    """Return, for each store, the newest drill in which every scenario that is about it passed."""
    last: dict[StoreName, Drill] = {}
    for drill in sorted((one.drill for one in found if one.drill), key=lambda drill: drill.started):
        if (drill.identity.stack, drill.identity.place) != (stack, place) or drill.error:
            continue
        failed = {store for one in drill.scenarios if one.verdict == "failed" for store in one.stores}
        for scenario in drill.scenarios:
            last |= {store: drill for store in scenario.stores if store not in failed}
    return last


def _versions(vault: VaultClient) -> dict[str, list[VersionEntry]]:
    """Return the versions of each document, also of one that something was put over."""
    found: dict[str, list[VersionEntry]] = defaultdict(list)
    for entry in vault.listed(vault_layout.DRILLS, versions=True):
        name = entry.key.removeprefix(vault_layout.DRILLS)
        if not entry.marker and name.endswith(".json"):
            found[name.removesuffix(".json")].append(entry)
    return found


def _opened(vault: VaultClient, identity: str, versions: list[VersionEntry]) -> Record:
    if len(versions) > 1:
        return Record(identity, None, f"has {len(versions)} versions; evidence is written once")
    entry = versions[0]
    try:
        drill = read(b"".join(vault.read(entry.key, entry.version)))
    except ValidationError as error:
        return Record(identity, None, f"can't be read: {said(error)}")
    if drill.identity.id != identity:
        return Record(identity, None, "tells of another drill than its name")
    return Record(identity, drill, "")


Proofs = Mapping[tuple[str, str], Sequence[Verification]]
"""By the key and the version of a backup's manifest: a drill of one is a look at that very object."""


def proofs(found: Iterable[Record]) -> Proofs:
    """Return what the drills have seen of each backup; a drill that verified nothing has seen nothing."""
    looks: defaultdict[tuple[str, str], list[Verification]] = defaultdict(list)
    for scenario in (one for record in found if record.drill for one in record.drill.scenarios):
        point = scenario.recovery_point
        if point and point.held and (look := _look(scenario, point.id)):
            looks[point.held.key, point.held.version].append(look)
    return looks


def of(seen: Proofs, backup: Backup[BackupManifest]) -> Sequence[Verification]:
    """Return what drills have seen of a backup."""
    return seen.get((backup.found.entry.key, backup.found.entry.version), ())


def _look(scenario: Scenario, backup: str) -> Verification | None:
    """
    Say what was compared and is otherwise.

    A drill that was only too slow says it of the recovery; one whose checks could not run says nothing for
    the backup, nor against it.
    """
    verified = scenario.times.get("verified")
    wrong = tuple(check.fault for check in scenario.checks if check.outcome == "failed")
    unsure = scenario.error or any(check.outcome == "not_run" for check in scenario.checks)
    if not verified or verified.seconds is None or (unsure and not wrong):
        return None
    at = scenario.declared + timedelta(seconds=verified.seconds)
    return Verification(backup=backup, at=at, deep=True, problems=wrong)
