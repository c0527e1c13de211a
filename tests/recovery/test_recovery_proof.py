"""Which stores have a proven backup, how old the proof is, and what the monitors of the proof are told."""

import hashlib
import json
import re
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from attesting import SIGN, TRUST
from sample_stores import STACK_FILES, STACK_STORES
from servers import noise_database
from vaults import ProxiedVault, back_up_database

from core import vault_layout
from postgres_server.cluster import Cluster
from recovery.attestation import put_attested
from recovery.catalogue import Verification
from recovery.context import RecoveryContext
from recovery.manifest import BackupManifest
from recovery.proof import JOB, StoreProof, read_proofs, report_proof
from recovery.state import StateExport, StateManifest, back_up_state
from recovery.store import STATE

pytestmark = pytest.mark.shares("proof-source")

HOUR = timedelta(hours=1)
NOW = datetime(2030, 1, 15, 12, tzinfo=UTC)


class Monitors(ThreadingHTTPServer):
    """Records what the monitors of the proof are told, in order."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MonitorHandler)
        self.calls: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _MonitorHandler(BaseHTTPRequestHandler):
    server: Monitors  # pyrefly: ignore[bad-override-mutable-attribute] - the server that runs it

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Keep quiet."""

    def do_GET(self) -> None:
        status = re.search(r"status=(\w+)", self.path)
        self.server.calls.append(status[1] if status else "heartbeat")
        self.send_response(200)
        self.end_headers()


@pytest.fixture
def monitors() -> Generator[Monitors]:
    with Monitors() as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def source(cluster: Cluster) -> Generator[str]:
    with noise_database(cluster, "proven", rows=10, digests=1) as url:
        yield url


def context_of(vault: ProxiedVault, monitors: Monitors | None = None) -> RecoveryContext:
    return RecoveryContext(
        "test",
        {"primary": vault.client},
        {JOB: f"{monitors.url}/heartbeat"} if monitors else {},
        {JOB: f"{monitors.url}/checkin"} if monitors else {},
        TRUST,
        SIGN,
        longest_proof_age=30 * HOUR,
    )


def add_state(vault: ProxiedVault) -> StateManifest:
    deployment = {
        "manifest": {"time": "2026-01-15T02:17:00+01:00", "version": "v3.259.0"},
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:salt"}},
        "resources": [{"urn": "urn:pulumi:prod::bulwark::pulumi:pulumi:Stack::bulwark-prod"}],
    }
    state = json.dumps({"version": 3, "deployment": deployment}).encode()
    files = {"Pulumi.yaml": b"name: bulwark\n", "Pulumi.prod.yaml": b"encryptionsalt: v1:salt\n"}
    taken = back_up_state(context_of(vault), StateExport(state, files, "3.259.0"))
    time.sleep(1.1)  # the vault's times have seconds
    return taken


def add_verification(vault: ProxiedVault, manifest: BackupManifest, **changes: Any) -> Verification:
    """Put the result of a restore into the vault, as the job that restores attests it."""
    fields: dict[str, Any] = {
        "backup": manifest.id,
        "manifest_sha256": hashlib.sha256(vault.content(manifest.key)).hexdigest(),
        "at": datetime.now(UTC),
        "deep": True,
        "problems": (),
    }
    found = Verification(**fields | changes)
    body = found.model_dump_json().encode()
    put_attested(vault.client, vault_layout.verification(found.backup, found.at, body), body, SIGN)
    return found


@pytest.mark.parametrize(
    ("age", "longest", "fault"),
    [
        (30 * HOUR, 30 * HOUR, ""),
        (
            31 * HOUR,
            30 * HOUR,
            "the last proof of the store files is 1 d 7 h old, and 1 d 6 h are allowed",
        ),
        (999 * HOUR, None, ""),
        (None, 30 * HOUR, "no backup of the store files is proven"),
        (None, None, "no backup of the store files is proven"),
    ],
)
def test_a_proof_is_judged_by_its_age(age: timedelta | None, longest: timedelta | None, fault: str) -> None:
    proof = StoreProof(STACK_FILES, NOW - age if age else None)
    assert proof.find_fault(NOW, longest) == fault


def test_a_store_is_proven_by_a_restore_of_a_backup_and_a_newer_backup_is_not_yet(
    locked_vault: ProxiedVault,
) -> None:
    context = context_of(locked_vault)
    assert read_proofs(context, STACK_STORES) == []
    first = add_state(locked_vault)
    assert read_proofs(context, STACK_STORES) == [StoreProof(STATE, None)]
    add_verification(locked_vault, first, deep=False)
    add_verification(locked_vault, first, problems=("state.json differs",))
    assert read_proofs(context, STACK_STORES) == [StoreProof(STATE, None)]
    add_verification(locked_vault, first)
    [proven] = read_proofs(context, STACK_STORES)
    assert proven.proven_at
    assert abs(proven.proven_at - datetime.now(UTC)) < timedelta(minutes=1)
    second = add_state(locked_vault)
    assert read_proofs(context, STACK_STORES) == [proven]
    add_verification(locked_vault, second)
    [newer] = read_proofs(context, STACK_STORES)
    assert newer.proven_at
    assert newer.proven_at > proven.proven_at


def test_the_monitors_of_the_proof_hear_of_success_once_every_store_is_proven(
    locked_vault: ProxiedVault, monitors: Monitors, source: str
) -> None:
    context, now = context_of(locked_vault, monitors), datetime.now(UTC)
    state, database = add_state(locked_vault), back_up_database(source, locked_vault.client)
    of_state = add_verification(locked_vault, state)
    assert report_proof(context, STACK_STORES, [of_state], now) == [
        "no backup of the store database is proven"
    ]
    assert monitors.calls == ["error"]
    of_database = add_verification(locked_vault, database)
    assert report_proof(context, STACK_STORES, [of_database], now) == []
    assert monitors.calls == ["error", "ok", "heartbeat"]
    # The proof of the state is of yesterday's backup, and nothing has proven a newer one.
    assert report_proof(context, STACK_STORES, [of_database], now + 31 * HOUR) != []
    assert monitors.calls[3:] == ["error"]
    own = replace(context, longest_proof_ages={"database": 99 * HOUR})
    [late] = report_proof(own, STACK_STORES, [of_database], now + 31 * HOUR)
    assert late.startswith("the last proof of the store state is ")


def test_the_monitors_of_the_proof_hear_of_a_damaged_backup_although_an_earlier_one_is_proven(
    locked_vault: ProxiedVault, monitors: Monitors
) -> None:
    context = context_of(locked_vault, monitors)
    add_verification(locked_vault, add_state(locked_vault))
    damaged = add_verification(locked_vault, add_state(locked_vault), problems=("state.json differs",))
    assert report_proof(context, STACK_STORES, [damaged], datetime.now(UTC)) == [
        f"backup {damaged.backup} is damaged"
    ]
    assert monitors.calls == ["error"]
