"""The twin's vault at another cloud: its server's command line and key, and the key pair of the copies."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from core.processes import module_argv
from twin.host.home import TwinHome

PORT: Final = "elsewhere"
"""Name of the server's port in the twin's home."""

_REFUSED_HEADERS: Final = (
    "x-amz-checksum-",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-mp-object-size",
    "x-amz-trailer",
)
"""Beginnings of the headers that Backblaze B2 answers with 400 (its S3-compatible API, "Unsupported
features")."""

KEY_SECRETS: Final = ("elsewhere_access_key_id", "elsewhere_secret_access_key")
"""The names of the store's access key among the secrets of the twin's home."""


def server_argv(bucket: str) -> tuple[str, ...]:
    """Return the server's command line, with the one bucket that it has."""
    return module_argv("twin.elsewhere_service", bucket)


def find_refused_header(headers: Iterable[str]) -> str:
    """Return a request's header that a service with fewer features than S3 refuses; empty if it has none."""
    return next((name for name in headers if name.lower().startswith(_REFUSED_HEADERS)), "")


def ensure_identity(home: TwinHome) -> Path:
    """Return the file with the private key of the copies, which is made at the first call."""
    file = home.root / "elsewhere-identity.txt"
    if not file.exists():
        import pyrage  # noqa: PLC0415 - the server does not need it

        key = pyrage.x25519.Identity.generate()
        partial = file.with_suffix(f".{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_text(f"# public key: {key.to_public()}\n{key}\n")
        # Another process may be first; its file stays.
        with suppress(FileExistsError):
            file.hardlink_to(partial)
        partial.unlink()
    return file


def read_recipient(home: TwinHome) -> str:
    """Return the public key of the copies."""
    first, _, _ = ensure_identity(home).read_text().partition("\n")
    return first.removeprefix("# public key: ")
