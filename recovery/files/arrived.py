"""What of a batch has arrived in the vault: which version each copy is, and until when it is locked."""

from collections.abc import Iterable, Iterator
from typing import Final

from recovery.files.ledger import Ledger
from recovery.files.spread import spread
from recovery.vault.listing import Entry
from recovery.vault.vault import Vault

_PAGE: Final = 1000
_LOOKS_A_PAGE: Final = 60
"""About as many looks at an object take the time of a page of a thousand."""


def arrived(vault: Vault, ledger: Ledger, places: list[str]) -> Iterator[Entry]:
    """
    Yield what the vault holds newest at each of some places, which are sorted; nothing where it holds none.

    It lists the range that they span, or looks at each one, whichever is less work.
    """
    if not places:
        return
    pages = (ledger.between(places[0], places[-1]) + len(places)) / _PAGE
    if len(places) > _LOOKS_A_PAGE * pages:
        yield from _ranged(vault, ledger, places)
        return
    for entry in spread(lambda place: _looked(vault, place), places):
        if entry:
            yield entry


def _ranged(vault: Vault, ledger: Ledger, places: list[str]) -> Iterator[Entry]:
    wanted = set(places)
    for entry in vault.listed(_common(places), after=ledger.before(places[0])):
        if entry.key in wanted and entry.latest:
            yield entry
        if entry.key >= places[-1]:
            return


def _looked(vault: Vault, place: str) -> Entry | None:
    """Look for one place by a listing: whoever writes files may not read them, and so gets no head."""
    found = next(vault.listed(place), None)
    return found if found and found.key == place and found.latest else None


def _common(places: Iterable[str]) -> str:
    """Return what all of them start with: `files/objects/<bucket>/` at least."""
    first, last = min(places), max(places)
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]
