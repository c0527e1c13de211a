"""A copy of a twin's vendors and vaults, with ports and secrets of its own."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from twin.host.home import TwinHome

_PARTS: Final = ("aws", "elsewhere")
"""Folders of a server of moto each: its snapshot, and the bodies of its objects."""

_IDENTITY: Final = "elsewhere-identity.txt"


def copy_home(source: TwinHome, target: TwinHome) -> None:
    """
    Copy what AWS, the store elsewhere and the file store hold.

    Not the secrets: a request that is signed with a key of one twin is refused by the other. The source may
    be at work.
    """
    target.create()
    for part in _PARTS:
        folder = target.root / part
        folder.mkdir(mode=0o700, exist_ok=True)
        # First what refers to the bodies: one that is added later is then not missed.
        _copy_database(source.root / part / "snapshot", folder / "snapshot")
        shutil.copytree(source.root / part / "objects", folder / "objects", dirs_exist_ok=True)
    shutil.copytree(source.files, target.files, dirs_exist_ok=True)
    shutil.copy(source.root / _IDENTITY, target.root / _IDENTITY)


def copy_vendors(source: TwinHome, target: TwinHome) -> None:
    """Copy what exists at the modelled vendors: their records, and no database."""
    _copy_database(source.vendors, target.vendors)


def remove_vendors(target: TwinHome) -> None:
    """Remove the vendors' records from a copy, which has none of the databases that they name."""
    for file in target.root.glob(f"{target.vendors.name}*"):
        file.unlink()


def clear_copy(target: TwinHome) -> None:
    """Remove what was copied; ports and secrets stay."""
    for folder in (*(target.root / part for part in _PARTS), target.files):
        shutil.rmtree(folder, ignore_errors=True)
    remove_vendors(target)


def _copy_database(source: Path, target: Path) -> None:
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)
