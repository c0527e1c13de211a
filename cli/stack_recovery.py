"""Opens for recovery what a stack's settings and outputs name: its vaults, stores, monitors and trust."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

from cli.recovery_source import DocumentedStack
from components.github_oidc import OIDC_ISSUER
from core import vault_layout
from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_target import AwsRole, StackTarget
from recovery.age import read_identity
from recovery.attestation import Trust, group_subjects
from recovery.context import RecoveryContext, VaultName, require_output
from recovery.elsewhere.copies import CopyRules
from recovery.elsewhere.vault import ElsewhereVault
from recovery.files.source import FileSource, InventoryAddress
from recovery.issuer_keys import record_keys
from recovery.recovery_file import PostgresStore, RecoveryFile
from recovery.recovery_file_context import open_recovery_file
from recovery.state import ADMINISTRATOR_FILE, StateExport
from recovery.store import Store
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient


def read_outputs(target: StackTarget) -> Mapping[str, Any]:
    """Return a stack's outputs, once what it needs is there. Raise Failure if it was never deployed."""
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    from engine import session  # noqa: PLC0415 - recovery by a file runs without Pulumi

    return session.outputs(target)


def add_store(
    context: RecoveryContext, target: StackTarget, store: Store, outputs: Mapping[str, Any] | None
) -> RecoveryContext:
    """Return the context of one store of a stack; without outputs it is known by its name alone."""
    context = replace(context, store=store.name)
    if outputs is None:
        return context
    if store.kind == "files":
        source = require_output(require_output(outputs, "file_sources"), store.name)
        return replace(context, files=open_file_source(target, source))
    urls = require_output(require_output(outputs, "database_urls"), store.name)
    return replace(
        context,
        database_url=target.reach_database(urls["backup"]),
        database_project=require_output(outputs, "database_projects").get(store.name, ""),
        connections=target.settings.databases[store.name].backup.connections,
    )


def open_target(
    target: StackTarget,
    role: AwsRole,
    vaults: Collection[VaultName],
    identity: Path | None,
    outputs: Mapping[str, Any] | None,
) -> RecoveryContext:
    """Open the vaults of a stack by its settings; what its state knows comes from `outputs`."""
    if outputs is None:
        target.prepare(PrintableConsole(stderr=True), runs_program=False)
    if set(vaults) == {"elsewhere"}:
        # Neither AWS nor the stack's state may be left.
        return RecoveryContext(
            stack=target.name,
            vaults={"elsewhere": _open_elsewhere(target, identity)},
            heartbeat_urls={},
            checkin_urls={},
            trust=find_stack_trust(target),
        )
    context = RecoveryContext(
        stack=target.name,
        vaults=open_stack_vaults(target, role, vaults),
        heartbeat_urls={} if outputs is None else require_output(outputs, "heartbeat_urls"),
        checkin_urls={} if outputs is None else require_output(outputs, "checkin_urls"),
        trust=find_stack_trust(target),
        issue_token=target.find_signer(role),
        **_find_proof_ages(target),  # pyrefly: ignore[open-unpacking] - it has these keys alone
        writer_vault=_open_writer_vault(target, role),
    )
    return _add_elsewhere(context, target, identity) if "elsewhere" in vaults else context


def open_documented(
    source: DocumentedStack,
    role: AwsRole,
    vaults: Collection[VaultName],
    jobs: Collection[str],
    identity: Path | None,
) -> RecoveryContext:
    """Open what a role's document describes, with the trust and the rules of its stack."""
    target, documented = source.target, source.source
    context = replace(
        open_recovery_file(
            reach_stores(target, documented.content),
            documented.place,
            role="writer" if role == "writer" else "restorer",
            vaults=vaults,
            jobs=jobs,
            identity=read_identity(identity) if identity else None,
            replica_key=_find_replica_key(target, role, vaults),
        ),
        trust=find_stack_trust(target),
        issue_token=target.find_signer(role),
        **_find_proof_ages(target),  # pyrefly: ignore[open-unpacking] - it has these keys alone
    )
    return _add_elsewhere(context, target, identity) if "elsewhere" in vaults else context


class _ProofAges(TypedDict):
    """Fields of RecoveryContext."""

    longest_proof_age: timedelta
    longest_proof_ages: dict[str, timedelta]


def _find_proof_ages(target: StackTarget) -> _ProofAges:
    """Return how old the last proof of a stack's stores may be, by their settings."""
    settings = target.settings
    return {
        "longest_proof_age": timedelta(hours=settings.platform.objectives.proof_age_hours),
        "longest_proof_ages": {
            name: timedelta(hours=settings.objectives_of(name).proof_age_hours) for name in settings.stores
        },
    }


def open_stack_vaults(
    target: StackTarget, role: AwsRole, used: Collection[VaultName]
) -> dict[VaultName, VaultClient]:
    """
    Open the vaults by their names in the settings, each with the credentials of its account.

    One that is not used is opened without any: so what is in one account is read without the other, and is
    known by its name. No role writes to the replica.
    """
    backups, platform = target.settings.vaults, target.settings.platform.name
    key = target.role_credentials(role) if "primary" in used else None
    there = _find_replica_key(target, role, used)
    return {
        "primary": open_vault(target, backups.vault(platform), backups.region, key),
        "replica": open_vault(target, backups.vault_replica(platform), backups.replica.region, there),
    }


def _find_replica_key(target: StackTarget, role: AwsRole, used: Collection[VaultName]) -> AccessKey | None:
    """Return a session of the role in the replica's account; None where it has none, or none is needed."""
    if "replica" not in used:
        return None
    match role:
        case "restorer" | "driller" | "planner":
            return target.replica_credentials(role)
        case _:
            return None


def _open_writer_vault(target: StackTarget, role: AwsRole) -> VaultClient | None:
    """Open the primary vault for records of what was read, if it is there; a writer has it open already."""
    if role in {"writer", "state-writer"}:
        return None
    with suppress(Failure):
        return open_stack_vaults(target, "writer", ("primary",))["primary"]
    return None


def reach_stores(target: StackTarget, file: RecoveryFile) -> RecoveryFile:
    """Return a recovery file with the addresses by which this machine reaches what it names."""
    vaults = file.vaults
    stores = {
        name: store.model_copy(
            update={"url": target.reach_database(store.url)}
            if isinstance(store, PostgresStore)
            else {"endpoint": store.endpoint and target.reach_files(store.endpoint)}
        )
        for name, store in file.stores.items()
    }
    endpoint = {"endpoint": target.aws_endpoint}
    return file.model_copy(
        update={
            "stores": stores,
            "vaults": vaults.model_copy(
                update={
                    "primary": vaults.primary and vaults.primary.model_copy(update=endpoint),
                    "replica": vaults.replica and vaults.replica.model_copy(update=endpoint),
                }
            ),
        }
    )


def find_stack_trust(target: StackTarget) -> Trust:
    """Return whose attestations count, as the settings say."""
    backups, platform = target.settings.vaults, target.settings.platform
    return Trust(
        stack=target.name,
        issuer=OIDC_ISSUER,
        subjects=group_subjects(
            backup=platform.subject(backups.backup_environment),
            restore=platform.subject(backups.restore_environment),
            state=platform.subject(backups.state_environment),
            drills=[platform.subject(name) for name in backups.drill_environments],
            elsewhere=platform.subject(backups.copy_environment),
            plan=platform.subject(backups.plan_environment),
        ),
        operator_keys=backups.operator_keys,
        fetch_issuer_keys=target.fetch_issuer_keys,
    )


def record_issuer_keys(target: StackTarget, bucket: str) -> None:
    """
    Record the issuer's public keys in the primary vault, where only the role that deploys may.

    A vault without a backup has nothing that they verify; it stays empty, and its stack can be destroyed.

    Raises:
        Failure: the issuer does not answer, or the vault does not take them.
    """
    vault = open_vault(target, bucket, target.settings.vaults.region, target.deployer_credentials())
    if any(next(vault.list_entries(prefix), None) for prefix in vault_layout.BACKUPS):
        record_keys(vault, OIDC_ISSUER, target.fetch_issuer_keys())


def export_stack_state(target: StackTarget) -> StateExport:
    """
    Return the stack's states as the engine exports them, with the project's and the stack's file.

    Its secrets are encrypted. The Automation API's export_stack would ask for them in clear.

    Raises:
        Failure: there is no stack, or the engine can't export it.
    """
    from engine import session  # noqa: PLC0415 - as in read_outputs
    from engine.program import BOTH  # noqa: PLC0415 - with it

    administrator, platform = (
        session.select(target, program, runs_program=False).workspace for program in BOTH
    )
    arguments = ["stack", "export", "--stack", target.name]
    with session.explain_errors():
        states = [
            workspace.pulumi_command.run(
                arguments, workspace.work_dir, dict(workspace.env_vars)
            ).stdout.encode()
            for workspace in (administrator, platform)
        ]
    files = [Path(platform.work_dir) / name for name in ("Pulumi.yaml", f"Pulumi.{target.name}.yaml")]
    return StateExport(
        states[1],
        {ADMINISTRATOR_FILE: states[0]} | {file.name: file.read_bytes() for file in files},
        str(platform.pulumi_command.version),
    )


def open_elsewhere(target: StackTarget) -> ElsewhereVault:
    """
    Open the vault elsewhere of a stack's settings without a private key.

    Raises:
        Failure: the stack has none, or there is no access key for it.
    """
    return _open_elsewhere(target, None)


def _add_elsewhere(context: RecoveryContext, target: StackTarget, identity: Path | None) -> RecoveryContext:
    return replace(context, vaults={**context.vaults, "elsewhere": _open_elsewhere(target, identity)})


def _open_elsewhere(target: StackTarget, identity: Path | None) -> ElsewhereVault:
    """Open the vault elsewhere with the key that reads and adds, and with the private key if it is named."""
    settings = target.settings.vaults.elsewhere
    if not settings:
        raise Failure(
            "The stack has no vault elsewhere.",
            f"declare `elsewhere` in bulwark:backups of Pulumi.{target.name}.yaml; see docs/production.md.",
        )
    settings, key = target.reach_elsewhere(settings), target.elsewhere_key()
    return ElsewhereVault(
        create_client(settings.region, settings.endpoint, access_key=key, portable=True),
        settings.bucket,
        trust=find_stack_trust(target),
        rules=CopyRules(settings.recipients, settings.lock_days),
        identity=read_identity(identity) if identity else None,
        access_key=key,
    )


def open_vault(target: StackTarget, bucket: str, region: str, key: AccessKey | None) -> VaultClient:
    """Open a vault where the stack's AWS is. Without a key it uses the environment's credentials."""
    return VaultClient(create_client(region, target.aws_endpoint, access_key=key), bucket, access_key=key)


def open_file_source(target: StackTarget, output: dict[str, Any]) -> FileSource:
    """Open the file store of a stack, by its entry in the output `file_sources`."""
    return FileSource(
        endpoint=target.reach_files(output["endpoint"]),
        region=output["region"],
        buckets=tuple(output["buckets"]),
        access_key=AccessKey(output["access_key_id"], output["secret_access_key"]),
        inventory=InventoryAddress(**output["inventory"]) if "inventory" in output else None,
    )
