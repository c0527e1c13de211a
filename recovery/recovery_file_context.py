"""Opens what a recovery file names: its stores, vaults and monitors, with the secrets that it refers to."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from core.failure import Failure
from recovery.age import AgeIdentity
from recovery.attestation import IssueToken, Trust, find_signer, group_subjects, sign_with
from recovery.context import RecoveryContext, VaultName
from recovery.elsewhere.copies import CopyRules
from recovery.elsewhere.vault import ElsewhereVault
from recovery.files.source import FileSource, InventoryAddress
from recovery.issuer_keys import fetch_keys, parse_key
from recovery.recovery_file import (
    ElsewhereAddress,
    KeyReference,
    MonitorReference,
    PostgresStore,
    RecoveryFile,
    S3Store,
    VaultAddress,
)
from recovery.secret_reference import MissingSecret, SecretReference
from recovery.store import StoreName
from recovery.vault.account_access import AccountAccess
from recovery.vault.client import AccessKey, create_client
from recovery.vault.protection import require_protection
from recovery.vault.vault import VaultClient


@dataclass(frozen=True)
class RecoveryFilePlace:
    """Where a recovery file was found."""

    name: str
    """What messages call it: its path, or the name of the secret that has it."""

    folder: Path
    """Files with secrets are relative to it."""

    variables: Mapping[str, str] | None = field(default=None, repr=False)
    """The variables that it refers to, where they came with it; None: those of the environment."""

    def resolve(self, reference: SecretReference) -> str:
        """Return a secret. Raises Failure as `SecretReference.resolve` does."""
        return reference.resolve(self.folder, self.variables)


def open_recovery_file(
    file: RecoveryFile,
    place: RecoveryFilePlace,
    *,
    role: Literal["writer", "restorer"],
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: AgeIdentity | None = None,
    replica_key: AccessKey | None = None,
) -> RecoveryContext:
    """
    Open the vaults and monitors that a recovery file names; `open_named_store` opens a store.

    Only what is used needs its secrets: a restore works where the lost database's password is lost as well.

    Args:
        file: The content of the file.
        place: Where it was found, and what its references mean there.
        role: Whether the vault is opened to write backups or to read them.
        vaults: The vaults that are used, which have to protect what is in them.
        jobs: The jobs that the run is reported as, to monitors whose addresses then have to be there.
        identity: The private key of the copies elsewhere, to restore from them.
        replica_key: The key of the replica, where the caller has it; None: as the file says.

    Raises:
        Failure: a secret is missing or open to others, or a vault has neither versions nor a lock and the
            file does not accept that.
    """
    named: dict[VaultName, VaultAddress | None] = {
        "primary": file.vaults.primary,
        "replica": file.vaults.replica,
    }
    addresses: dict[VaultName, VaultAddress] = {name: one for name, one in named.items() if one}
    clients: dict[VaultName, VaultClient] = {}
    for name, address in addresses.items():
        try:
            clients[name] = (
                _create_vault(address, replica_key)
                if replica_key and name == "replica"
                else _open_vault(address, place, role=role, used=name in vaults)
            )
        except MissingSecret:
            # Of a cloud that is lost there may be no key left.
            if name in vaults:
                raise
    warnings = [
        warning
        for name, address in addresses.items()
        if name in vaults
        for warning in require_protection(
            clients[name],
            accept_without_versions=address.accept_without_versions,
            accept_without_lock=address.accept_without_lock,
            place=f"vaults.{name} of {place.name}",
        )
    ]
    trust = find_documented_trust(file)
    if "elsewhere" in vaults and file.vaults.elsewhere:
        clients["elsewhere"] = _open_elsewhere(file.vaults.elsewhere, place, trust, identity)
    if file.trust.unattested:
        warnings.append(
            f"{place.name} accepts what nobody attested: whoever can write to the vault can plant a backup."
        )
    monitors = {job: monitor for job, monitor in file.monitors.items() if job in jobs}
    return RecoveryContext(
        stack=file.name,
        vaults=clients,
        heartbeat_urls=dict(_monitor_urls(monitors, "heartbeat", place)),
        checkin_urls=dict(_monitor_urls(monitors, "checkin", place)),
        trust=trust,
        issue_token=_find_signer(file, place.folder),
        writer_vault=_open_writer_vault(file.vaults.primary, place)
        if role == "restorer" and file.vaults.primary
        else None,
        warnings=tuple(warnings),
    )


def open_named_store(
    context: RecoveryContext, file: RecoveryFile, place: RecoveryFilePlace, name: StoreName, *, is_read: bool
) -> RecoveryContext:
    """
    Return the context of one store that a recovery file names, or whose backups alone are in its vaults.

    Args:
        context: What `open_recovery_file` returned.
        file: The content of the file.
        place: Where it was found.
        name: The store's name.
        is_read: Whether the store is read, so that its secrets have to be there.

    Raises:
        Failure: a secret is missing or open to others.
    """
    context = replace(context, store=name)
    match file.stores.get(name):
        case PostgresStore() as store:
            url = _database_url(store, place, required=is_read)
            return replace(
                context,
                database_url=url,
                database_project=store.project or "",
                connections=store.connections,
            )
        case S3Store() as store if is_read:
            return replace(context, files=_file_source(store, place))
        case _:
            return context


def find_documented_trust(file: RecoveryFile) -> Trust:
    """Return whose attestations count for the vaults of a recovery file."""
    issuer, accepts_unattested = file.trust.issuer, file.trust.unattested == "accept"
    if not issuer:
        return Trust(file.name, operator_keys=file.trust.operators, accepts_unattested=accepts_unattested)
    return Trust(
        file.name,
        issuer=issuer.url,
        subjects=group_subjects(
            backup=issuer.subjects.backup,
            restore=issuer.subjects.restore,
            state=issuer.subjects.state,
            drills=issuer.subjects.drills,
            elsewhere=issuer.subjects.elsewhere,
        ),
        operator_keys=file.trust.operators,
        fetch_issuer_keys=lambda: fetch_keys(issuer.url),
        issuer_keys=tuple(map(parse_key, issuer.keys)),
        accepts_unattested=accepts_unattested,
    )


def _find_signer(file: RecoveryFile, folder: Path) -> IssueToken | None:
    """Return what attests: the key that the file names, or else what the environment has."""
    if file.attest and file.attest.key.file:
        return sign_with(folder / file.attest.key.file)
    return find_signer()


def _database_url(store: PostgresStore, place: RecoveryFilePlace, *, required: bool) -> str:
    """Return the database's URL with its password; empty where it is not needed and can't be had."""
    if not store.password:
        return store.url
    try:
        password = place.resolve(store.password)
    except MissingSecret:
        if required:
            raise
        return ""
    parts = urlsplit(store.url)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}").geturl()


def _open_vault(
    address: VaultAddress, place: RecoveryFilePlace, *, role: Literal["writer", "restorer"], used: bool
) -> VaultClient:
    reference = (address.writer_credentials if role == "writer" else None) or address.credentials
    if reference:
        return _create_vault(address, _access_key(reference, place))
    access = AccountAccess(address.region, address.role or "", address.profile or "")
    return _create_vault(address, access.find_key() if used else None)


def _open_writer_vault(address: VaultAddress, place: RecoveryFilePlace) -> VaultClient | None:
    """Open the vault for a record of what was verified, where this run has the credentials for it."""
    if address.writer_credentials:
        with suppress(MissingSecret):
            return _create_vault(address, _access_key(address.writer_credentials, place))
    return None


def _open_elsewhere(
    address: ElsewhereAddress, place: RecoveryFilePlace, trust: Trust, identity: AgeIdentity | None
) -> ElsewhereVault:
    key = _access_key(address.credentials, place) if address.credentials else None
    return ElsewhereVault(
        create_client(address.region, address.endpoint, access_key=key, portable=True),
        address.bucket,
        trust=trust,
        rules=CopyRules(address.recipients, address.lock_days),
        identity=identity,
        access_key=key,
    )


def _create_vault(address: VaultAddress, key: AccessKey | None) -> VaultClient:
    client = create_client(address.region, address.endpoint, access_key=key)
    return VaultClient(client, address.bucket, access_key=key)


def _access_key(reference: KeyReference, place: RecoveryFilePlace) -> AccessKey:
    return AccessKey(
        place.resolve(reference.access_key_id),
        place.resolve(reference.secret_access_key),
        place.resolve(reference.session_token) if reference.session_token else "",
    )


def _file_source(store: S3Store, place: RecoveryFilePlace) -> FileSource:
    listed = store.inventory
    return FileSource(
        endpoint=store.endpoint or f"https://s3.{store.region}.amazonaws.com",
        region=store.region,
        buckets=store.buckets,
        access_key=_access_key(store.credentials, place),
        inventory=InventoryAddress(listed.bucket, listed.name, listed.prefix or "") if listed else None,
    )


def _monitor_urls(
    monitors: Mapping[str, MonitorReference],
    kind: Literal["heartbeat", "checkin"],
    place: RecoveryFilePlace,
) -> Iterator[tuple[str, str]]:
    """Yield (job, URL) for each job that has a monitor of this kind."""
    for job, monitor in monitors.items():
        reference = monitor.heartbeat if kind == "heartbeat" else monitor.checkin
        if reference:
            url = place.resolve(reference)
            if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
                raise Failure(f"The secret of monitors.{job}.{kind} is no URL.", "put the URL there.")
            yield job, url
