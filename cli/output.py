"""Formats sizes, days and locks, and writes files that a person asked for."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from core.failure import Failure


def format_size(count: int) -> str:
    rest = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if rest < 1000:
            return f"{rest:.0f} {unit}" if unit == "B" else f"{rest:.1f} {unit}"
        rest /= 1000
    return f"{rest:.1f} TB"


def format_day(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%d}" if moment else None


def format_lock(until: datetime | None) -> str:
    return f"locked until {format_day(until)}" if until else "not locked"


def write_files(folder: Path, files: Mapping[str, str], *, what: str, option: str) -> None:
    """
    Write files into a folder, which is made where it is missing; each is there whole or not at all.

    Raises:
        Failure: they can't be written; names `what` they hold and the `option` that chose the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            partial = folder / f"{name}.{os.getpid()}"
            partial.write_text(text)
            partial.replace(folder / name)
    except OSError as error:
        raise Failure(f"{what} can't be written: {error}.", f"choose another place with {option}.") from error
