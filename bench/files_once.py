"""One backup of files, as bench/files.py measures it: arguments are the source's and the vault's URL."""

import sys

from recovery.context import RecoveryContext
from recovery.files.backup import back_up_files
from recovery.files.source import Source
from recovery.vault.client import AccessKey, client
from recovery.vault.vault import VaultClient

SOURCE, TARGET = sys.argv[1:]
KEY = AccessKey("bench", "bench-secret")

if __name__ == "__main__":
    vault = VaultClient(client("us-east-1", TARGET, key=KEY), "vault", key=KEY)
    source = Source(SOURCE, "us-east-1", ("documents",), KEY)
    back_up_files(RecoveryContext("bench", "", {"primary": vault}, {}, {}, files=source))
