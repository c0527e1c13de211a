"""Looking up what a batch of copies has stored in the vault."""

from collections.abc import Iterator
from typing import Final

from recovery.files.comparison import CopySample
from recovery.files.parallel import bounded_map
from recovery.vault.objects import VersionEntry
from recovery.vault.vault import VaultClient

_PAGE_ENTRIES: Final = 1000
_LOOKUPS_PER_PAGE: Final = 8
"""
Number of lookups of one object that take as long as a listing's page of a thousand: four times as many run at
a time, and each comes twice as fast. S3 charges the same for both.
"""

_RANGES: Final = 4
"""Ranges that are listed at the same time."""


def verify_uploads(vault: VaultClient, copies: CopySample, keys: list[str]) -> Iterator[VersionEntry]:
    """
    Yield the newest version in the vault of each of the sorted `keys`; nothing for a missing key.

    It lists the range of the keys, or looks up each key, whichever takes less time.
    """
    if not keys:
        return
    pages = (copies.count_between(keys[0], keys[-1]) + len(keys)) / _PAGE_ENTRIES
    if len(keys) <= _LOOKUPS_PER_PAGE * pages:
        yield from filter(None, bounded_map(lambda key: _find_newest(vault, key), keys))
        return
    count = min(_RANGES, round(pages) or 1)
    length = -(-len(keys) // count)
    ranges = [keys[start : start + length] for start in range(0, len(keys), length)]
    for found in bounded_map(lambda some: [*_list_range(vault, copies, some)], ranges, _RANGES):
        yield from found


def _list_range(vault: VaultClient, copies: CopySample, keys: list[str]) -> Iterator[VersionEntry]:
    requested = frozenset(keys)
    prefix = _common_prefix(keys[0], keys[-1])
    for page in vault.list_newest(prefix, after=copies.last_before(keys[0])):
        for index in [index for index, key in enumerate(page.keys) if key in requested]:
            yield page.read(index)
        if page.keys and page.keys[-1] >= keys[-1]:
            return


def _common_prefix(first: str, last: str) -> str:
    length = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def _find_newest(vault: VaultClient, key: str) -> VersionEntry | None:
    """Look up one key by a listing: the role that writes files may not read them, so its HEAD is refused."""
    entry = next(vault.list_entries(key), None)
    return entry if entry and entry.key == key and entry.is_latest else None
