"""Only what the right job has attested counts, and the vault's time decides, whatever a document states."""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attesting import SIGN, TRUST, make_key, trust_of
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from vaults import ProxiedVault, overwrite_object

from core import vault_layout
from core.failure import Failure
from recovery import catalogue, issuer_keys
from recovery.attestation import (
    AttestingJob,
    IssueToken,
    Trust,
    find_signer,
    group_subjects,
    put_attested,
    sign_with,
)
from recovery.catalogue import Backup, Disownment, Verification
from recovery.drill import records
from recovery.issuer_keys import list_public_keys
from recovery.manifest import Checksums, Manifest, ServerInfo, StoredObject
from recovery.recovery_file import RecoveryFile
from recovery.recovery_file_context import find_documented_trust
from recovery.vault import lease
from recovery.vault.vault import VaultClient

ISSUER = "https://issuer.example.com"
BACKUP_JOB = "repo:example@1/platform@2:environment:backup"
RESTORE_JOB = "repo:example@1/platform@2:environment:restore"
STATE_JOB = "repo:example@1/platform@2:environment:state"
DRILL_JOB = "repo:example@1/platform@2:environment:drill"


class Issuer:
    """An OIDC issuer whose keys can change. It publishes the present one alone."""

    def __init__(self) -> None:
        self.change_key("first")

    def change_key(self, kid: str) -> None:
        self._kid = kid
        self.key = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
        self.published = {"keys": [self.key.as_dict(private=False, kid=kid, use="sig", alg="RS256")]}
        self.asked = 0

    def publish(self) -> bytes:
        self.asked += 1
        return json.dumps(self.published).encode()

    def signer(self, subject: str = BACKUP_JOB, **claims: Any) -> IssueToken:
        def issue(audience: str) -> str:
            content = {"iss": ISSUER, "sub": subject, "aud": audience, "iat": int(time.time()), **claims}
            return jwt.encode({"alg": "RS256", "kid": self._kid}, content, self.key, ["RS256"])

        return issue

    def trust(self, fetch: Callable[[], bytes] | None = None) -> Trust:
        subjects = group_subjects(backup=BACKUP_JOB, restore=RESTORE_JOB, state=STATE_JOB, drills=[DRILL_JOB])
        return Trust("test", issuer=ISSUER, subjects=subjects, fetch_issuer_keys=fetch)


def stored_object(key: str) -> StoredObject:
    return StoredObject(key=key, version="v", bytes=1, sha256="0" * 64, lock_mode=None, locked_until=None)


def manifest_of(*, at: datetime | None = None, **changes: Any) -> Manifest:
    """Return the manifest of a backup of now, or of another moment."""
    moment = (at or datetime.now(UTC)).replace(microsecond=0)
    backup_id = changes.pop("id", vault_layout.new_id(moment))
    tier = changes.pop("tier", "daily")
    folder = vault_layout.database_backup(tier, "database", backup_id)
    fields: dict[str, Any] = {
        "id": backup_id,
        "store": "database",
        "stack": "test",
        "tier": tier,
        "started": moment,
        "snapshot_at": moment,
        "finished": moment,
        "snapshot_lsn": "0/0",
        "server": ServerInfo(
            version="18.4", major=18, system_identifier="1", database="d", encoding="UTF8", collation="C"
        ),
        "tools": {"bulwark": "0.1.0", "pg_dump": "18.4"},
        "selected": (),
        "content": "all",
        "dump": stored_object(f"{folder}dump.pgc.zst"),
        "dump_bytes": 1,
        "cluster": stored_object(f"{folder}cluster.json"),
        "figures": Checksums(
            tables=(),
            sequences=(),
            large_objects=0,
            large_objects_digest="",
            definitions={},
            extensions={},
        ),
        **changes,
    }
    return Manifest(**fields)


def store(vault: VaultClient, manifest: Manifest, issue_token: IssueToken | None = SIGN) -> Manifest:
    put_attested(vault, manifest.key, manifest.model_dump_json().encode(), issue_token)
    return manifest


def backups_in(vault: ProxiedVault, trust: Trust = TRUST) -> dict[str, Backup[Manifest]]:
    return {one.id: one for one in catalogue.read_backups(vault.client, Manifest, trust, store="database")}


def later(days: float) -> datetime:
    return datetime.now(UTC) + timedelta(days=days)


def test_a_recovery_file_has_the_issuers_keys_for_a_vault_that_recorded_none(
    locked_vault: ProxiedVault,
) -> None:
    issuer, other = Issuer(), Issuer()
    good = store(locked_vault.client, manifest_of(), issuer.signer())

    def doubts(*keys: dict[str, str]) -> tuple[str, ...]:
        trusted = {"url": ISSUER, "subjects": {"backup": BACKUP_JOB, "restore": RESTORE_JOB}, "keys": keys}
        content = {
            "name": "test",
            "vaults": {"primary": {"bucket": locked_vault.bucket, "region": "us-east-1"}},
            "trust": {"issuer": trusted},
        }
        trust = find_documented_trust(RecoveryFile.model_validate_json(json.dumps(content)))
        # The issuer answers nobody either.
        return backups_in(locked_vault, replace(trust, fetch_issuer_keys=None))[good.id].doubts

    assert doubts(*list_public_keys(ISSUER, issuer.publish())) == ()
    (unknown,) = doubts()
    assert "neither recorded in the vault nor known to its issuer" in unknown
    assert doubts(*list_public_keys(ISSUER, other.publish())) == (
        "has an attestation whose signature is wrong",
    )


@pytest.mark.parametrize(
    ("manifest", "doubt"),
    [
        (manifest_of, "has no attestation"),
        (lambda: manifest_of(at=later(365)), "has no attestation"),
        (lambda: manifest_of(tier="monthly"), "has no attestation"),
    ],
    ids=["of now", "of next year", "monthly"],
)
def test_a_manifest_that_the_writer_plants_is_listed_and_not_used(
    locked_vault: ProxiedVault, manifest: Callable[[], Manifest], doubt: str
) -> None:
    good = store(locked_vault.client, manifest_of(at=later(-0.01)))
    planted = store(locked_vault.client, manifest(), None)
    found = backups_in(locked_vault)
    assert (found[good.id].doubts, found[good.id].counts) == ((), True)
    assert found[planted.id].doubts[0] == doubt
    assert catalogue.choose_backup(found.values()) == good
    newest = catalogue.read_newest(locked_vault.client, Manifest, TRUST, "database")
    assert newest
    assert newest.manifest == good
    # A person can still take it, knowingly.
    assert catalogue.choose_backup(found.values(), backup_id=planted.id) == planted


def test_a_planted_backup_of_a_genuine_id_does_not_take_its_place(locked_vault: ProxiedVault) -> None:
    good = store(locked_vault.client, manifest_of())
    for tier in ("weekly", "monthly"):
        store(locked_vault.client, manifest_of(id=good.id, tier=tier), None)
    found = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert len(found) == 3
    assert catalogue.choose_backup(found, backup_id=good.id) == good
    # Without an attestation of its own, such as that of an earlier version, it is still the first.
    older = store(locked_vault.client, manifest_of(), None)
    time.sleep(1.1)
    store(locked_vault.client, manifest_of(id=older.id, tier="weekly"), None)
    found = catalogue.read_backups(locked_vault.client, Manifest, TRUST, store="database")
    assert catalogue.choose_backup(found, backup_id=older.id) == older


def test_planted_backups_do_not_fill_the_tiers(locked_vault: ProxiedVault) -> None:
    for tier in ("weekly", "monthly"):
        store(locked_vault.client, manifest_of(tier=tier, at=later(20)), None)
        store(locked_vault.client, manifest_of(tier=tier), None)
    now = datetime.now(UTC)
    recent = catalogue.read_recent(locked_vault.client, now, TRUST, "database")
    assert catalogue.choose_tier(recent, now) == "monthly"


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"finished": later(1)}, "and the vault took it at"),
        ({"snapshot_at": later(365), "finished": later(365)}, "and the vault took it at"),
        ({"snapshot_at": later(365)}, "or before the moment that it shows"),
        ({"finished": later(-1)}, "says that it ended before it began"),
        ({"started": later(-2), "finished": later(-1), "snapshot_at": later(-2)}, "which its id contradicts"),
        ({"stack": "another"}, "is of the stack another"),
    ],
)
def test_a_contradiction_is_reported_and_not_believed_even_with_an_attestation(
    locked_vault: ProxiedVault, change: dict[str, Any], doubt: str
) -> None:
    manifest = store(locked_vault.client, manifest_of(**change))
    [found] = backups_in(locked_vault).values()
    assert not found.counts
    assert any(doubt in one for one in found.doubts), found.doubts
    with pytest.raises(Failure, match="1 do not count"):
        catalogue.choose_backup([found])
    assert catalogue.choose_backup([found], backup_id=manifest.id) == manifest


def test_the_newest_backup_is_the_one_that_the_vault_took_last(locked_vault: ProxiedVault) -> None:
    # The first claims to be some minutes younger, which a clock may be off by.
    first = store(locked_vault.client, manifest_of(at=later(0.002)))
    time.sleep(1.1)
    second = store(locked_vault.client, manifest_of())
    found = backups_in(locked_vault)
    assert catalogue.choose_backup(found.values()) == second
    assert [one.id for one in catalogue.list_backups(locked_vault.client, Manifest, store="database")] == [
        first.id,
        second.id,
    ]


def test_attestations_are_bound_to_document_issuer_and_job(locked_vault: ProxiedVault) -> None:
    issuer, stranger = Issuer(), Issuer()
    trust = issuer.trust(issuer.publish)
    vault, document = locked_vault.client, b"a document"
    token = issuer.signer()(hashlib.sha256(document).hexdigest()).encode()
    assert trust.find_fault(vault, document, token, "backup") == ""
    assert trust.find_fault(vault, document, None, "backup") == "has no attestation"
    assert trust.find_fault(vault, b"another", token, "backup") == "has the attestation of another document"
    assert "who may not attest it" in trust.find_fault(vault, document, token, "restore")

    def fault(issue: IssueToken) -> str:
        signed = issue(hashlib.sha256(document).hexdigest()).encode()
        return trust.find_fault(vault, document, signed, "backup")

    assert fault(stranger.signer()) == "has an attestation whose signature is wrong"
    assert "another issuer" in fault(issuer.signer(iss="https://other.example.com"))
    assert "who may not" in fault(issuer.signer("repo:other/platform:environment:backup"))
    assert "who may not" in fault(issuer.signer(f"{BACKUP_JOB}-2"))
    assert "neither recorded" in fault(SIGN)
    for broken in (b"", b"x", b"..", token[:-2], token + b"AA", b"\xff" * 100, b"e30.e30.e30", token * 40):
        assert trust.find_fault(vault, document, broken, "backup"), broken
    header = base64.urlsafe_b64encode(b'{"alg":"none","kid":"first"}').rstrip(b"=")
    claims = base64.urlsafe_b64encode(b'{"aud":"x"}').rstrip(b"=")
    unsigned = header + b"." + claims + b"."
    assert "signature is wrong" in trust.find_fault(vault, document, unsigned, "backup")


@pytest.mark.parametrize(
    ("job", "subjects"),
    [
        ("backup", {BACKUP_JOB}),
        ("state", {BACKUP_JOB, STATE_JOB}),
        ("restore", {RESTORE_JOB}),
        ("drill", {RESTORE_JOB, DRILL_JOB}),
    ],
)
def test_each_job_attests_its_own_kind_of_document_and_what_it_attested_before_the_split(
    locked_vault: ProxiedVault, job: AttestingJob, subjects: set[str]
) -> None:
    issuer = Issuer()
    trust, digest = issuer.trust(issuer.publish), hashlib.sha256(b"document").hexdigest()

    def counts(subject: str) -> bool:
        token = issuer.signer(subject)(digest).encode()
        return not trust.find_fault(locked_vault.client, b"document", token, job)

    assert {
        subject for subject in (BACKUP_JOB, STATE_JOB, RESTORE_JOB, DRILL_JOB) if counts(subject)
    } == subjects


def test_an_attestation_of_last_year_verifies_offline_after_the_issuer_has_changed_its_keys(
    locked_vault: ProxiedVault,
) -> None:
    issuer = Issuer()
    store(locked_vault.client, manifest_of(), issuer.signer())
    assert issuer_keys.record_keys(locked_vault.client, ISSUER, issuer.publish()) == 1
    issuer.change_key("second")
    assert issuer_keys.record_keys(locked_vault.client, ISSUER, issuer.publish()) == 1
    assert issuer_keys.record_keys(locked_vault.client, ISSUER, issuer.publish()) == 0
    [found] = backups_in(locked_vault, issuer.trust(None)).values()
    assert found.counts

    def unreachable() -> bytes:
        raise Failure("no network", "connect")

    # A key that nobody has recorded is asked of the issuer once, and is not believed without its answer.
    issuer.change_key("third")
    store(locked_vault.client, manifest_of(), issuer.signer())
    store(locked_vault.client, manifest_of(), issuer.signer())
    counted = [one.counts for one in backups_in(locked_vault, issuer.trust(unreachable)).values()]
    assert sorted(counted) == [False, False, True]
    assert all(one.counts for one in backups_in(locked_vault, issuer.trust(issuer.publish)).values())
    assert issuer.asked == 1


def test_a_key_that_came_with_the_document_proves_nothing(locked_vault: ProxiedVault) -> None:
    issuer, thief = Issuer(), Issuer()
    document = b"a document"
    audience = hashlib.sha256(document).hexdigest()
    key = thief.key
    header: dict[str, Any] = {"alg": "RS256", "kid": "first", "jwk": key.as_dict(private=False)}
    claims = {"iss": ISSUER, "sub": BACKUP_JOB, "aud": audience}
    token = jwt.encode(header, claims, key, ["RS256"]).encode()
    fault = issuer.trust(issuer.publish).find_fault(locked_vault.client, document, token, "backup")
    assert fault == "has an attestation whose signature is wrong"


def test_planted_and_damaged_keys_are_left_out(locked_vault: ProxiedVault) -> None:
    issuer, thief = Issuer(), Issuer()
    # Where a thief could write, they would still have to name the key after its own thumbprint.
    for name, body in {"x.json": b"{", "y.json": json.dumps({"issuer": ISSUER, "key": {}}).encode()}.items():
        locked_vault.client.put(f"{vault_layout.ISSUER_KEYS}{name}", body)
    private = thief.key.as_dict(private=True, kid="first")
    with pytest.raises(Failure, match="no set of keys"):
        issuer_keys.record_keys(locked_vault.client, ISSUER, b'{"keys": 5}')
    assert issuer_keys.record_keys(locked_vault.client, ISSUER, json.dumps({"keys": [private]}).encode()) == 0
    issuer_keys.record_keys(locked_vault.client, ISSUER, issuer.publish())
    assert len(issuer_keys.read_recorded_keys(locked_vault.client, ISSUER)) == 1
    assert issuer_keys.read_recorded_keys(locked_vault.client, "https://other.example.com") == ()


def verification(manifest: Manifest, **changes: Any) -> Verification:
    body = manifest.model_dump_json().encode()
    fields: dict[str, Any] = {
        "backup": manifest.id,
        "manifest_sha256": hashlib.sha256(body).hexdigest(),
        "at": datetime.now(UTC),
        "deep": True,
        "problems": (),
        **changes,
    }
    return Verification(**fields)


def put_verification(vault: VaultClient, content: Verification, issue_token: IssueToken | None) -> None:
    body = content.model_dump_json().encode()
    put_attested(vault, vault_layout.verification(content.backup, content.at, body), body, issue_token)


def test_a_verification_counts_with_its_attestation_for_that_manifest_at_the_vaults_time(
    locked_vault: ProxiedVault,
) -> None:
    vault = locked_vault.client
    manifest = store(vault, manifest_of())
    put_verification(vault, verification(manifest, deep=False), SIGN)
    put_verification(vault, verification(manifest), None)
    put_verification(vault, verification(manifest, manifest_sha256="0" * 64), SIGN)
    put_verification(vault, verification(manifest, at=later(30)), SIGN)
    put_verification(vault, verification(manifest, at=datetime(2999, 12, 31, tzinfo=UTC)), None)
    vault.put(f"{vault_layout.VERIFICATIONS}{manifest.id}/x.json", b'{"deep": ')
    ignored = [why for _, why in catalogue.read_judgements(vault, TRUST).ignored]
    assert len(ignored) == 4
    assert ignored.count("has no attestation") == 2
    assert sum("after the vault took it" in why for why in ignored) == 1
    assert sum("can't be read" in why for why in ignored) == 1
    [found] = backups_in(locked_vault).values()
    [proof] = found.proofs
    assert not proof.verification.deep
    assert abs(proof.stored_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert records.last_proven([found], {}) is None
    put_verification(vault, verification(manifest), SIGN)
    assert records.last_proven(backups_in(locked_vault).values(), {})


def test_a_disowned_backup_is_used_only_by_its_id(locked_vault: ProxiedVault) -> None:
    vault = locked_vault.client
    older, newer = store(vault, manifest_of(at=later(-0.01))), store(vault, manifest_of())

    def disown(issue_token: IssueToken | None) -> None:
        content = Disownment(
            backup=newer.id,
            manifest_sha256=hashlib.sha256(newer.model_dump_json().encode()).hexdigest(),
            at=datetime.now(UTC),
            reason="holds a thief's rows",
        )
        body = content.model_dump_json().encode()
        put_attested(vault, vault_layout.disownment(newer.id, body), body, issue_token)

    disown(None)
    assert catalogue.choose_backup(backups_in(locked_vault).values()) == newer
    disown(SIGN)
    found = backups_in(locked_vault)
    assert found[newer.id].doubts == ("was disowned: holds a thief's rows",)
    assert catalogue.choose_backup(found.values()) == older
    assert catalogue.choose_backup(found.values(), backup_id=newer.id) == newer


def test_a_manifest_under_another_version_counts_and_is_told_of(locked_vault: ProxiedVault) -> None:
    manifest = store(locked_vault.client, manifest_of())
    [before] = backups_in(locked_vault).values()
    overwrite_object(locked_vault, manifest.key, b'{"id": 5}')
    [found] = backups_in(locked_vault).values()
    assert found.manifest == manifest
    assert (found.counts, found.is_damaged) == (True, False)
    assert (before.listing.entry.is_overwritten, found.listing.entry.is_overwritten) == (False, True)
    planted = manifest_of()
    locked_vault.client.put(planted.key, b"{")
    assert not backups_in(locked_vault)[planted.id].is_damaged


def test_a_vault_without_a_trusted_writer_can_be_accepted(locked_vault: ProxiedVault) -> None:
    manifest = store(locked_vault.client, manifest_of(), None)
    accepting = replace(TRUST, accepts_unattested=True)
    [found] = backups_in(locked_vault, accepting).values()
    assert found.manifest == manifest
    assert found.counts


def test_an_operators_key_signs_in_both_formats_and_only_their_own_counts(
    locked_vault: ProxiedVault, tmp_path: Any
) -> None:
    file, public = make_key("another operator")
    manifest = store(locked_vault.client, manifest_of(), sign_with(file))
    assert not backups_in(locked_vault)[manifest.id].counts
    trusting = replace(trust_of("test"), operator_keys=(*TRUST.operator_keys, public))
    assert backups_in(locked_vault, trusting)[manifest.id].counts
    file.chmod(0o644)
    with pytest.raises(Failure, match="readable by others"):
        sign_with(file)
    other = tmp_path / "rsa"
    other.touch(mode=0o600)
    other.write_text("-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(Failure, match="no Ed25519 key"):
        sign_with(other)
    with pytest.raises(Failure, match="can't be read"):
        find_signer({"BULWARK_ATTESTATION_KEY": str(tmp_path / "missing")})
    assert find_signer({}) is None


@pytest.mark.parametrize(
    ("key", "body"),
    [
        ("000000000009", {"holder": "x", "until": "9999-12-31T00:00:00Z"}),
        ("000000000009", {"until": 5}),
        ("99999999999999", {"holder": "x", "until": "9999-12-31T00:00:00Z"}),
        ("9" * 400, {"holder": "x", "until": "9999-12-31T00:00:00Z"}),
        ("latest", {"holder": "x", "until": "9999-12-31T00:00:00Z"}),
    ],
)
def test_a_planted_lease_ends_with_the_vaults_time(
    locked_vault: ProxiedVault, key: str, body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    vault, prefix = locked_vault.client, vault_layout.file_lease("files")
    with lease.hold_lease(vault, prefix, "backup of the files"):
        pass
    vault.put(f"{prefix}{key}", json.dumps(body).encode())
    newest = lease.read_newest_lease(vault, prefix)
    assert newest
    assert newest.until <= newest.stored_at + lease.PERIOD
    if newest.fault:
        with pytest.raises(Failure, match="is running"), lease.hold_lease(vault, prefix, "backup"):
            pass
        monkeypatch.setattr(lease, "PERIOD", timedelta(0))
    with lease.hold_lease(vault, prefix, "backup of the files", period=timedelta(minutes=1)):
        held = lease.read_newest_lease(vault, prefix)
        assert held
        assert held.number > newest.number


def test_a_broken_lease_lets_the_next_run_in_and_stops_the_first(locked_vault: ProxiedVault) -> None:
    vault, prefix = locked_vault.client, vault_layout.file_lease("files")
    with lease.hold_lease(vault, prefix, "backup", period=timedelta(seconds=3)) as first:
        newest = lease.read_newest_lease(vault, prefix)
        assert newest
        lease.break_lease(vault, prefix, newest)
        with lease.hold_lease(vault, prefix, "backup", period=timedelta(seconds=3)):
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and is_held(first):
                time.sleep(0.1)
            assert not is_held(first)


def is_held(held: lease.Lease) -> bool:
    try:
        held.require_held()
    except Failure:
        return False
    return True
