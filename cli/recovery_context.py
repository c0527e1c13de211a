"""Opens for recovery what a deployed stack's outputs or a recovery file name: stores, vaults, monitors."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypedDict

from cli.github_log import mask_secrets
from components.github_oidc import OIDC_ISSUER
from core import vault_layout
from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_stores import list_stores
from engine.stack_target import AwsRole, StackTarget
from engine.targets import find_target
from recovery.age import read_identity
from recovery.attestation import Trust, group_subjects
from recovery.context import RecoveryContext, VaultName, require_output
from recovery.elsewhere.copies import CopyRules
from recovery.elsewhere.vault import ElsewhereVault
from recovery.files.source import FileSource, InventoryAddress
from recovery.issuer_keys import record_keys
from recovery.manifests import find_stores
from recovery.recovery_file import PostgresStore, RecoveryFile, read_recovery_file
from recovery.recovery_file_context import (
    RecoveryFilePlace,
    find_documented_trust,
    open_named_store,
    open_recovery_file,
)
from recovery.role_document import parse_role_document
from recovery.secrets_manager import fetch_secret
from recovery.state import ADMINISTRATOR_FILE, StateExport
from recovery.store import STATE, Store, StoreKind, list_names
from recovery.store import choose_stores as choose_named
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient

SECRET_PREFIX: Final = "aws-secret:"  # noqa: S105 - the form of a name, and no secret
"""Begins the value of --recovery that names a role's document in AWS Secrets Manager."""


@dataclass(frozen=True)
class DocumentedSource:
    """What a recovery file or a role's document describes, in place of a stack."""

    place: RecoveryFilePlace
    content: RecoveryFile

    @property
    def name(self) -> str:
        return self.content.name


@dataclass(frozen=True)
class DocumentedStack:
    """A stack by its settings, with a role's document for what else only its state knows."""

    target: StackTarget
    source: DocumentedSource

    @property
    def name(self) -> str:
        return self.target.name


RecoverySource = StackTarget | DocumentedSource | DocumentedStack


def find_source(stack: str | None, *, on_twin: bool, recovery: str | None) -> RecoverySource:
    """
    Return what a command's options choose.

    It is a stack, `local` by default; what a recovery file or a role's document describes; or a stack with
    the document of a role.

    Raises:
        Failure: a stack and a recovery file are chosen; the stack has no file, one of the files is wrong, or
            the document can't be read.
    """
    if recovery is None:
        return find_target(stack or "local", on_twin=on_twin)
    if recovery.startswith(SECRET_PREFIX):
        if not (stack or on_twin):
            return _read_document(recovery)
        target = find_target(stack or "local", on_twin=on_twin)
        target.prepare(PrintableConsole(stderr=True), runs_program=False)
        source = _read_document(recovery, target.aws_endpoint)
        if source.name != target.name:
            raise Failure(
                f"{recovery} is of the stack {source.name}, and this is {target.name}.", "name the other one."
            )
        return DocumentedStack(target, source)
    if stack or on_twin:
        raise Failure(
            "A recovery file names stores and vaults without a stack.",
            f"leave out {'--stack' if stack else '--twin'}, or --recovery.",
        )
    path = Path(recovery)
    return DocumentedSource(RecoveryFilePlace(recovery, path.absolute().parent), read_recovery_file(path))


def _read_document(recovery: str, endpoint: str | None = None) -> DocumentedSource:
    document = parse_role_document(fetch_secret(recovery.removeprefix(SECRET_PREFIX), endpoint), recovery)
    mask_secrets(document.secrets.values())
    place = RecoveryFilePlace(recovery, Path.cwd(), document.secrets)
    return DocumentedSource(place, document.recovery)


def declared_stores(source: RecoverySource) -> tuple[Store, ...]:
    """Return the stores that a stack or a recovery file has. A role's document names only what it needs."""
    if isinstance(source, DocumentedSource):
        return source.content.named_stores
    return list_stores((source.target if isinstance(source, DocumentedStack) else source).settings)


def describe_source(source: RecoverySource) -> str:
    """Return what messages call a source, at the beginning of a sentence."""
    return source.place.name if isinstance(source, DocumentedSource) else f"The stack {source.name}"


def describe_options(source: RecoverySource) -> str:
    """Return the options by which a command gets a source, after a space; none for the local stack."""
    if isinstance(source, DocumentedSource):
        # The document of one role is of no use to the next command's.
        return "" if source.place.name.startswith(SECRET_PREFIX) else f" --recovery {source.place.name}"
    target = source.target if isinstance(source, DocumentedStack) else source
    return f"{'' if target.name == 'local' else f' --stack {target.name}'}{target.option}"


def choose_stores(source: RecoverySource, names: Collection[str]) -> tuple[Store, ...]:
    """
    Return the stores that a backup is taken of: the named ones or, without any, all that there are.

    Raises:
        Failure: one of them is not there.
    """
    known = declared_stores(source)
    if isinstance(source, DocumentedStack):
        # The state is exported by the engine, and not described by any document.
        described = source.source.content.named_stores
        known = tuple(
            store for store in known if store in described or (store == STATE and STATE.name in names)
        )
    if isinstance(source, DocumentedSource) and STATE.name in names:
        raise Failure(
            "Only a stack has a state, and a recovery file is used without one.",
            f"choose one of these: {list_names(known)}.",
        )
    if not known:
        raise Failure(
            f"{describe_source(source)} names no store.", "name one under `stores`; see docs/recovery.md."
        )
    place = describe_source(source.source if isinstance(source, DocumentedStack) else source)
    chosen = [store for name in names for store in choose_named(known, name, place=place)]
    return tuple(dict.fromkeys(chosen)) or known


def stores_to_prove(source: RecoverySource, vault: VaultClient) -> tuple[Store, ...]:
    """
    Return the stores whose proofs are judged, as far as there are backups of them.

    They are what is declared, and the state, which no file names. Nobody proves any more what was removed.
    Where nothing is declared, they are all that the vault has. Raise Failure if that can't be read.
    """
    declared = declared_stores(source)
    return tuple(dict.fromkeys((*declared, STATE))) if declared else find_stores(vault)


def choose_held(
    source: RecoverySource, vault: VaultClient, name: str | None, kind: StoreKind | None = None
) -> tuple[Store, ...]:
    """
    Return the stores whose backups are looked at: all, also what only the vault has, or the named one.

    Args:
        source: What has the stores.
        vault: The vault that is read.
        name: The name of one; None and `all`: all of them.
        kind: Only stores of this kind.

    Raises:
        Failure: there is none of this name, or the vault can't be read.
    """
    declared = declared_stores(source)
    known = tuple(dict.fromkeys((*declared, *find_stores(vault))))
    chosen = choose_named(known, name, place=f"{describe_source(source)} and its vault")
    return tuple(store for store in chosen if kind in {None, store.kind})


def open_context(
    source: RecoverySource,
    *,
    role: AwsRole = "restorer",
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: Path | None = None,
    needs_outputs: bool = False,
) -> RecoveryContext:
    """
    Open vaults and monitors of a stack, a recovery file or a role's document, as `role`; none of its stores.

    What the vaults of a recovery file lack is written to standard error.

    Args:
        source: The stack, or the recovery file.
        role: Whose credentials are used. A recovery file has a key for the writer, and one for everybody.
        vaults: The vaults that are used; those of a recovery file have to protect what is in them.
        jobs: The jobs that the run is reported as, to monitors whose addresses then have to be there.
        identity: The identity file of the copies elsewhere, to restore from them.
        needs_outputs: Whether a stack's monitors are used, which its state knows. Its vaults are known by its
            settings. With the vault elsewhere alone the state is never read.

    Raises:
        Failure: the stack was never deployed, or its services can't be started; or a secret that the recovery
            file refers to is missing, or one of its vaults is not protected.
    """
    if isinstance(source, StackTarget):
        outputs = _read_outputs(source) if needs_outputs and set(vaults) != {"elsewhere"} else None
        return _open_target(source, role, vaults, identity, outputs)
    documented = source.source if isinstance(source, DocumentedStack) else source
    context = open_recovery_file(
        _reach(source.target, source.source.content)
        if isinstance(source, DocumentedStack)
        else source.content,
        documented.place,
        role="writer" if role == "writer" else "restorer",
        vaults=vaults,
        jobs=jobs,
        identity=read_identity(identity) if identity else None,
        replica_key=_find_replica_key(source.target, role, vaults)
        if isinstance(source, DocumentedStack)
        else None,
    )
    if isinstance(source, DocumentedStack):
        context = replace(
            context,
            trust=find_trust(source.target),
            issue_token=source.target.find_signer(role),
            **_find_proof_ages(source.target),
        )
        if "elsewhere" in vaults:
            context = _add_elsewhere(context, source.target, identity)
    console = PrintableConsole(stderr=True)
    for warning in context.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return context


def open_stores(
    source: RecoverySource,
    stores: Collection[Store],
    *,
    role: AwsRole = "restorer",
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: Path | None = None,
    is_read: bool = False,
) -> dict[Store, RecoveryContext]:
    """
    Open databases and files of a stack, a recovery file or a role's document, each with a context of its own.

    Args:
        source: The stack, or the recovery file.
        stores: The stores. None of them is the state.
        role: See `open_context`, as of the following ones.
        vaults: The vaults that are used.
        jobs: The jobs that the run is reported as.
        identity: The identity file of the copies elsewhere.
        is_read: Whether the stores are read, so that a recovery file's secrets of them have to be there.

    Raises:
        Failure: as `open_context`.
    """
    if isinstance(source, StackTarget):
        outputs = _read_outputs(source) if set(vaults) != {"elsewhere"} else None
        context = _open_target(source, role, vaults, identity, outputs)
        return {store: _add_store(context, source, store, outputs) for store in stores}
    context = open_context(source, role=role, vaults=vaults, jobs=jobs, identity=identity)
    documented, content = (
        (source.source, _reach(source.target, source.source.content))
        if isinstance(source, DocumentedStack)
        else (source, source.content)
    )
    return {
        store: open_named_store(context, content, documented.place, store.name, is_read=is_read)
        for store in stores
    }


def _read_outputs(target: StackTarget) -> Mapping[str, Any]:
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    from engine import session  # noqa: PLC0415 - recovery by a file runs without Pulumi

    return session.outputs(target)


def _add_store(
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


def _open_target(
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
            trust=find_trust(target),
        )
    context = RecoveryContext(
        stack=target.name,
        vaults=_open_vaults(target, role, vaults),
        heartbeat_urls={} if outputs is None else require_output(outputs, "heartbeat_urls"),
        checkin_urls={} if outputs is None else require_output(outputs, "checkin_urls"),
        trust=find_trust(target),
        issue_token=target.find_signer(role),
        **_find_proof_ages(target),
        writer_vault=_open_writer_vault(target, role),
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


def _open_vaults(
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
        return _open_vaults(target, "writer", ("primary",))["primary"]
    return None


def _reach(target: StackTarget, file: RecoveryFile) -> RecoveryFile:
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


def find_trust(target: RecoverySource) -> Trust:
    """Return whose attestations count: the settings of a stack name them, or the recovery file does."""
    if isinstance(target, DocumentedSource):
        return find_documented_trust(target.content)
    if isinstance(target, DocumentedStack):
        return find_trust(target.target)
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


def export_state(target: RecoverySource) -> StateExport:
    """
    Return the stack's states as the engine exports them, with the project's and the stack's file.

    Its secrets are encrypted. The Automation API's export_stack would ask for them in clear.

    Raises:
        Failure: there is no stack, or the engine can't export it.
    """
    if isinstance(target, DocumentedSource):
        raise Failure("Only a stack has a state.", "name the stack: --stack.")
    if isinstance(target, DocumentedStack):
        return export_state(target.target)
    from engine import session  # noqa: PLC0415 - as in open_context
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


def open_vaults(
    target: RecoverySource,
    *,
    vaults: Collection[VaultName],
    identity: Path | None = None,
    role: AwsRole = "restorer",
) -> Mapping[VaultName, VaultClient]:
    """
    Open the vaults for reading, those of a stack by the names in its settings, without its state.

    A planner sees which backups there are, and reads none.
    """
    if isinstance(target, StackTarget) and set(vaults) != {"elsewhere"}:
        return _open_vaults(target, role, vaults)
    return open_context(target, vaults=vaults, identity=identity).vaults


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
        trust=find_trust(target),
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
