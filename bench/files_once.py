"""One backup of files, for bench/files.py. Arguments: URL of the source, URL of the vault."""

# ruff: noqa: E402 - called before the modules of a command are imported, as by cli/__main__.py
from core.garbage_collection import collect_seldom

collect_seldom()

import sys

from recovery.attestation import Trust
from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.files.source import FileSource
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient

SOURCE, TARGET = sys.argv[1:]
KEY = AccessKey("bench", "bench-secret")

if __name__ == "__main__":
    vault = VaultClient(create_client("us-east-1", TARGET, access_key=KEY), "vault", access_key=KEY)
    source = FileSource(SOURCE, "us-east-1", ("documents",), KEY)
    trust = Trust("bench", accepts_unattested=True)
    back_up_files(RecoveryContext("bench", {"primary": vault}, {}, {}, trust, files=source, store="files"))
