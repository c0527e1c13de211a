"""The evidence of all drills, in the vault: put there once, locked, and found again."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic import ValidationError

from recovery import keys
from recovery.drill.evidence import Drill, Store
from recovery.drill.identity import Place
from recovery.manifest import Stored
from recovery.vault.held import Held
from recovery.vault.listing import Entry
from recovery.vault.vault import Vault


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


def keep(vault: Vault, drill: Drill) -> Stored:
    """
    Put the evidence of a drill into the vault; needs the role that writes.

    Raises:
        Exists: where the vault has that drill's evidence; it is left as it is.
        Failure: for whatever else keeps it from being stored.
    """
    return vault.put(keys.drill(drill.identity.id), written(drill))


def stored(vault: Vault, identity: str) -> Held:
    """
    Return what the vault tells of a drill's evidence, its lock too.

    Raises:
        Failure: where it can't be known.
    """
    return vault.head(keys.drill(identity))


def records(vault: Vault, *, last: int | None = None) -> list[Record]:
    """Return the evidence of all drills, or of the last few, the newest first."""
    versions = _versions(vault)
    newest = sorted(versions, reverse=True)[:last]
    return [_opened(vault, identity, versions[identity]) for identity in newest]


def passed(found: Iterable[Record], stack: str, place: Place) -> dict[Store, Drill]:
    """Return, for each store, the newest drill in which every scenario that is about it passed."""
    last: dict[Store, Drill] = {}
    for drill in sorted((one.drill for one in found if one.drill), key=lambda drill: drill.started):
        if (drill.identity.stack, drill.identity.place) != (stack, place) or drill.error:
            continue
        failed = {store for one in drill.scenarios if one.verdict == "failed" for store in one.stores}
        for scenario in drill.scenarios:
            last |= {store: drill for store in scenario.stores if store not in failed}
    return last


def _versions(vault: Vault) -> dict[str, list[Entry]]:
    """Return the versions of each document, also of one that something was put over."""
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in vault.listed(keys.DRILLS, versions=True):
        name = entry.key.removeprefix(keys.DRILLS)
        if not entry.marker and name.endswith(".json"):
            found[name.removesuffix(".json")].append(entry)
    return found


def _opened(vault: Vault, identity: str, versions: list[Entry]) -> Record:
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
