"""`./bulwark restore --store files`: into an empty folder, or an empty bucket of any S3 service."""

import os
import re
from pathlib import Path
from typing import Final

from rich.console import Console

from cli.wording import size
from recovery.files.manifest import FilesManifest
from recovery.files.restore import Selection, restored_files
from recovery.files.spread import AT_ONCE
from recovery.files.target import Address, Bucket, Folder, Target
from recovery.site import Site, VaultName
from recovery.vault.client import AccessKey
from toolchain.failure import Failure

_ENDPOINT: Final = "BULWARK_RESTORE_ENDPOINT"
_REGION: Final = "BULWARK_RESTORE_REGION"
_KEY_ID: Final = "BULWARK_RESTORE_ACCESS_KEY_ID"
_SECRET: Final = "BULWARK_RESTORE_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable
"""Of the bucket's service, where it is not AWS with the environment's credentials."""


def restored_into(
    to: str,
    manifest: FilesManifest,
    site: Site,
    vault: VaultName,
    *,
    selection: Selection,
    at_once: int | None,
) -> str:
    """Restore files and return in words what came back."""
    target = _target(to, site)
    with Console(stderr=True).status(f"Restoring {manifest.id}") as status:

        def told(files: int, done: int) -> None:
            if files % 100 == 0:
                status.update(f"Restoring {manifest.id}: {files:,} files, {size(done)}")

        found = restored_files(
            manifest,
            site.vaults[vault],
            target,
            selection=selection,
            at_once=at_once or AT_ONCE,
            progress=told,
        )
    odd = f"{found.odd:,} of them have no path there: see odd-names.jsonl.\n" if found.odd else ""
    return f"{found.files:,} files, {size(found.bytes)}, each with the SHA-256 of its listing.\n{odd}"


def _target(to: str, site: Site) -> Target:
    match = re.fullmatch(r"s3://([^/]+)/?", to)
    if not match and "://" in to:
        raise Failure(f"{to} is neither a folder nor a bucket.", "name a folder, or a bucket as s3://bucket.")
    if not match:
        return Folder.empty(Path(to))
    key_id, secret = os.environ.get(_KEY_ID), os.environ.get(_SECRET)
    if bool(key_id) != bool(secret):
        raise Failure(f"{_KEY_ID} and {_SECRET} belong together.", "set both, or neither.")
    address = Address(
        match[1],
        os.environ.get(_REGION) or site.vaults["primary"].region,
        os.environ.get(_ENDPOINT) or None,
        AccessKey(key_id, secret) if key_id and secret else None,
    )
    return Bucket.empty(address, vaults=site.vaults.values())
