"""Reads the text of a stack's file, and replaces it as a whole or not at all."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from components.settings import SettingsError
from core.failure import Failure
from engine import stack_file
from engine.stack_target import StackTarget


def read(path: Path) -> str:
    """Return the text with its own line ends."""
    return path.read_bytes().decode()


def check(path: Path, text: str, target: StackTarget) -> None:
    """
    Check the settings of a text before it is written: every command refuses a file with wrong ones.

    Raises:
        Failure: a setting is wrong, such as an id of a form that no setting takes.
    """
    try:
        target.parse_settings(stack_file.parse(text, path.name))
    except SettingsError as error:
        raise Failure(
            f"With what was found in it, {path.name} would not be good: {error}",
            "nothing was written; change it at the vendor, or write the other settings by hand.",
        ) from None


def replace(path: Path, before: str, after: str) -> None:
    """
    Replace the text of a file, which was `before`. The file's mode and a link to it stay.

    Raises:
        Failure: the file was changed meanwhile, or it can't be written.
    """
    target = path.resolve()
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if read(target) != before:
            raise Failure(f"{path.name} was changed meanwhile; it was left as it is.", "run this again.")
        partial.write_bytes(after.encode())
        shutil.copymode(target, partial)
        partial.replace(target)
    except OSError as error:
        raise Failure(
            f"{path.name} can't be written: {error.strerror}.",
            "make it and its folder writable, and run this again.",
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()
