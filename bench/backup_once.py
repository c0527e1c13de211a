"""One backup or one restore like `./bulwark`, of the database that the environment names; see backup.py."""

# ruff: noqa: E402 - called before the modules of a command are imported, as by cli/__main__.py
from core.garbage_collection import collect_seldom

collect_seldom()

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from cli.servers import scratch_server
from core import vault_layout
from recovery import catalogue
from recovery.attestation import Trust
from recovery.backup import back_up
from recovery.context import RecoveryContext
from recovery.manifest import Manifest
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.client_programs import find_client_programs
from recovery.postgres.compression import compress
from recovery.postgres.dump import dump
from recovery.postgres.snapshot import take_snapshot
from recovery.restore import restore_database
from recovery.vault.client import create_client
from recovery.vault.vault import VaultClient
from recovery.verify import verify

VAULT: Final = VaultClient(create_client("us-east-1", os.environ["BENCH_ENDPOINT"]), "vault")
TRUST: Final = Trust("bench", accepts_unattested=True)
URL: Final = os.environ["BENCH_URL"]


def backup() -> None:
    back_up(RecoveryContext("bench", {"primary": VAULT}, {}, {}, TRUST, store="database", database_url=URL))


def dump_without_checksums() -> None:
    """Back up without computing checksums."""
    with take_snapshot(URL) as shot:
        clients = find_client_programs(URL, major=shot.server.major)
        key = f"bare/{vault_layout.new_id(shot.taken_at)}.pgc.zst"
        VAULT.store(key, compress(dump(clients, URL, shot.id)))


def restore(*, compare: bool) -> None:
    target = os.environ["BENCH_TARGET"]
    manifest = catalogue.choose_backup(catalogue.read_backups(VAULT, Manifest, TRUST, store="database"))
    with tempfile.TemporaryDirectory() as folder:
        restore_database(manifest, VAULT, target, folder=Path(folder))
    if compare:
        with take_snapshot(target) as shot:
            differences = compare_checksums(manifest.figures, compute_checksums(target, shot))
        if differences:
            sys.exit("\n".join(differences))


def prove() -> None:
    """Restore into a server of its own and compare, as `./bulwark verify --deep`."""
    manifest = catalogue.choose_backup(catalogue.read_backups(VAULT, Manifest, TRUST, store="database"))
    if problems := verify(manifest, VAULT, scratch=scratch_server).problems:
        sys.exit("\n".join(problems))


match sys.argv[1:]:
    case ["backup"]:
        backup()
    case ["dump"]:
        dump_without_checksums()
    case ["restore"]:
        restore(compare=False)
    case ["verify"]:
        restore(compare=True)
    case ["prove"]:
        prove()
    case _:
        sys.exit(f"{sys.argv[0]}: backup, dump, restore, verify or prove")
