"""Looking up what a batch of copies has stored in the vault."""

from collections.abc import Iterator
from typing import Final

from recovery.files.comparison import CopySample
from recovery.files.parallel import bounded_map
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

_PAGE_ENTRIES: Final = 1000
_LOOKUPS_PER_PAGE: Final = 60
"""Number of lookups of one object that take as long as a listing's page of a thousand."""


def verify_uploads(vault: VaultClient, copies: CopySample, keys: list[str]) -> Iterator[VersionEntry]:
    """
    Yield the newest version in the vault of each of the sorted `keys`; nothing for a missing key.

    It lists the range of the keys, or looks up each key, whichever takes fewer requests.
    """
    if not keys:
        return
    pages = (copies.count_between(keys[0], keys[-1]) + len(keys)) / _PAGE_ENTRIES
    if len(keys) > _LOOKUPS_PER_PAGE * pages:
        yield from _list_range(vault, copies, keys)
        return
    for entry in bounded_map(lambda key: _find_newest(vault, key), keys):
        if entry:
            yield entry


def _list_range(vault: VaultClient, copies: CopySample, keys: list[str]) -> Iterator[VersionEntry]:
    requested = set(keys)
    for entry in vault.list_entries(_common_prefix(keys[0], keys[-1]), after=copies.last_before(keys[0])):
        if entry.key in requested and entry.is_latest:
            yield entry
        if entry.key >= keys[-1]:
            return


def _common_prefix(first: str, last: str) -> str:
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def _find_newest(vault: VaultClient, key: str) -> VersionEntry | None:
    """Look up one key by a listing: the role that writes files may not read them, so its HEAD is refused."""
    entry = next(vault.list_entries(key), None)
    return entry if entry and entry.key == key and entry.is_latest else None
