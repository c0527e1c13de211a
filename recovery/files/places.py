"""Where in the vault what of the files lies, and which keys another program can be trusted with."""

import hashlib
import re
from typing import Final

COPIES: Final = "files/objects/"
LONG: Final = "files/long/"
"""Copies under the SHA-256 of their key, which with the prefix above would be longer than S3 takes."""

MANIFESTS: Final = "manifests/files/"
LEASE: Final = "manifests/leases/files/"
GONE: Final = ("bulwark-gone", "yes")
"""The tag of a copy whose original is gone; the vault's lifecycle expires what has it."""

_KEY_BYTES: Final = 1024
"""S3 user guide, "Naming Amazon S3 objects"."""

_ODD: Final = re.compile(r"[\x00-\x1f\x7f]|//|^/|/$|(^|/)\.\.?(/|$)")


def place(bucket: str, key: str) -> str:
    """Return the key of an object's copy in the vault."""
    whole = f"{COPIES}{bucket}/{key}"
    if len(whole.encode()) <= _KEY_BYTES:
        return whole
    return f"{LONG}{bucket}/{hashlib.sha256(key.encode()).hexdigest()}"


def is_plain(bucket: str, key: str) -> bool:
    """
    Tell whether rclone, to which keys are paths, copies this key to its place.

    It leaves out empty segments and follows dots, and its lists of names have a name a line.
    """
    return not _ODD.search(key) and place(bucket, key).startswith(COPIES)


def folder(backup: str) -> str:
    return f"{MANIFESTS}{backup}/"


def listing(backup: str) -> str:
    return f"{folder(backup)}listing.jsonl.zst"


def journal(backup: str, number: int) -> str:
    """Return the key of what one batch of a run has copied, for the next run if this one is cut short."""
    return f"{folder(backup)}copied-{number:05d}.jsonl.zst"


def run_of(key: str) -> tuple[str, bool]:
    """Return the id of the run that a document belongs to, and whether it is one of its journals."""
    run, _, name = key.removeprefix(MANIFESTS).partition("/")
    return run, name.startswith("copied-")
