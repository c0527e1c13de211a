"""Writes what someone asked to have as a file."""

import os
from collections.abc import Mapping
from pathlib import Path

from toolchain.failure import Failure


def save(folder: Path, files: Mapping[str, str], *, what: str, option: str) -> None:
    """
    Write files into a folder, which is made where it is missing; each is there whole or not at all.

    Raises:
        Failure: where they can't be written; names `what` they hold and the `option` that chose the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            partial = folder / f"{name}.{os.getpid()}"
            partial.write_text(text)
            partial.replace(folder / name)
    except OSError as error:
        raise Failure(f"{what} can't be written: {error}.", f"choose another place with {option}.") from error
