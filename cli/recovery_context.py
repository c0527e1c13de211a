"""Opens for recovery what a deployed stack's outputs or a recovery file name: stores, vaults, monitors."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from cli.github_log import mask_secrets
from components.settings.platform import OIDC_ISSUER
from core import vault_layout
from core.console import PrintableConsole
from core.failure import Failure
from engine.stack_target import AwsRole, StackTarget
from engine.targets import find_target
from recovery.age import read_identity
from recovery.attestation import Trust, group_subjects
from recovery.context import RecoveryContext, VaultName, require_output
from recovery.elsewhere.copies import CopyRules
from recovery.elsewhere.vault import ElsewhereVault
from recovery.files.source import FileSource
from recovery.issuer_keys import record_keys
from recovery.manifest import StoreName
from recovery.recovery_file import RecoveryFile, read_recovery_file
from recovery.recovery_file_context import RecoveryFilePlace, find_documented_trust, open_recovery_file
from recovery.role_document import parse_role_document
from recovery.secrets_manager import fetch_secret
from recovery.state import ADMINISTRATOR_FILE, StateExport
from recovery.vault.client import AccessKey, create_client
from recovery.vault.vault import VaultClient

SECRET_PREFIX: Final = "aws-secret:"  # noqa: S105 - the form of a name, and no secret
"""Begins the value of --recovery that names a role's document in AWS Secrets Manager."""


@dataclass(frozen=True)
class DocumentedSource:
    """What a recovery file or a role's document describes, in place of a stack."""

    place: RecoveryFilePlace
    content: RecoveryFile
    database_project: str = ""
    """Id of the database's project at its vendor, where a role's document names it."""

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
    return DocumentedSource(place, document.recovery, document.database_project or "")


def choose_stores(source: RecoverySource, stores: Collection[StoreName]) -> tuple[StoreName, ...]:
    """
    Return the stores that a backup is taken of: the named ones or, without any, all that there are.

    Raises:
        Failure: one of them is not there.
    """
    if isinstance(source, StackTarget):
        return tuple(stores) or ("database", "state", "files")
    if isinstance(source, DocumentedStack):
        # The state is exported by the engine, and not described by any document.
        of_document: list[StoreName] = [store for store in stores if store != "state"]
        chosen = choose_stores(source.source, of_document) if of_document or not stores else ()
        return (*chosen, *(("state",) if "state" in stores else ()))
    known = source.content.store_names
    if missing := [store for store in stores if store not in known]:
        why = (
            "Only a stack has a state, and a recovery file is used without one."
            if "state" in missing
            else f"{source.place.name} names no store {missing[0]}."
        )
        raise Failure(why, f"choose one of these: {', '.join(known) or 'it names none'}.")
    if not known:
        raise Failure(
            f"{source.place.name} names no store.", "name one under `stores`; see docs/recovery.md."
        )
    return tuple(stores) or known


def open_context(
    source: RecoverySource,
    *,
    role: AwsRole = "restorer",
    stores: Collection[StoreName] = (),
    vaults: Collection[VaultName] = ("primary", "replica"),
    jobs: Collection[str] = (),
    identity: Path | None = None,
    needs_outputs: bool = False,
) -> RecoveryContext:
    """
    Open a deployed stack, a recovery file or a role's document, with the vault's credentials of `role`.

    What the vaults of a recovery file lack is written to standard error.

    Args:
        source: The stack, or the recovery file.
        role: Whose credentials are used. A recovery file has a key for the writer, and one for everybody.
        stores: The stores that are read; of a recovery file only their secrets have to be there.
        vaults: The vaults that are used; those of a recovery file have to protect what is in them.
        jobs: The jobs that the run is reported as, to monitors whose addresses then have to be there.
        identity: The identity file of the copies elsewhere, to restore from them.
        needs_outputs: Whether a stack's stores or monitors are used, which its state knows. Its vaults are
            known by its settings. With the vault elsewhere alone the state is never read.

    Raises:
        Failure: the stack was never deployed, or its services can't be started; or a secret that the recovery
            file refers to is missing, or one of its vaults is not protected.
    """
    if isinstance(source, StackTarget):
        if set(vaults) == {"elsewhere"}:
            return _open_elsewhere_alone(source, identity)
        context = _open_stack(source, role, vaults) if needs_outputs else _open_settings(source, role, vaults)
        return _add_elsewhere(context, source, identity) if "elsewhere" in vaults else context
    documented = source.source if isinstance(source, DocumentedStack) else source
    context = open_recovery_file(
        _reach(source.target, source.source.content)
        if isinstance(source, DocumentedStack)
        else source.content,
        documented.place,
        role="writer" if role == "writer" else "restorer",
        stores=[store for store in stores if store != "state"],
        vaults=vaults,
        jobs=jobs,
        identity=read_identity(identity) if identity else None,
        replica_key=_find_replica_key(source.target, role, vaults)
        if isinstance(source, DocumentedStack)
        else None,
    )
    if isinstance(source, DocumentedStack):
        objectives = source.target.settings.platform.objectives
        context = replace(
            context,
            trust=find_trust(source.target),
            issue_token=source.target.find_signer(role),
            longest_proof_age=timedelta(hours=objectives.proof_age_hours),
            database_project=documented.database_project,
        )
        if "elsewhere" in vaults:
            context = _add_elsewhere(context, source.target, identity)
    console = PrintableConsole(stderr=True)
    for warning in context.warnings:
        console.print(f"Warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return context


def _open_stack(target: StackTarget, role: AwsRole, vaults: Collection[VaultName]) -> RecoveryContext:
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    from engine import session  # noqa: PLC0415 - recovery by a file runs without Pulumi

    outputs = session.outputs(target)
    return RecoveryContext(
        stack=target.name,
        database_url=target.reach_database(require_output(outputs, "backup_database_url")),
        vaults=_open_vaults(target, role, vaults),
        heartbeat_urls=require_output(outputs, "heartbeat_urls"),
        checkin_urls=require_output(outputs, "checkin_urls"),
        trust=find_trust(target),
        issue_token=target.find_signer(role),
        database_project=require_output(outputs, "database_project"),
        longest_proof_age=timedelta(hours=target.settings.platform.objectives.proof_age_hours),
        writer_vault=_open_writer_vault(target, role),
        files=open_file_source(target, require_output(outputs, "files_source")),
    )


def _open_settings(target: StackTarget, role: AwsRole, vaults: Collection[VaultName]) -> RecoveryContext:
    """Open the vaults of a stack by its settings alone, without its state and what decrypts that."""
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    return RecoveryContext(
        stack=target.name,
        database_url="",
        vaults=_open_vaults(target, role, vaults),
        heartbeat_urls={},
        checkin_urls={},
        trust=find_trust(target),
        issue_token=target.find_signer(role),
        longest_proof_age=timedelta(hours=target.settings.platform.objectives.proof_age_hours),
        writer_vault=_open_writer_vault(target, role),
    )


def _open_elsewhere_alone(target: StackTarget, identity: Path | None) -> RecoveryContext:
    """Open the vault elsewhere by the settings alone: neither AWS nor the stack's state may be left."""
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    return RecoveryContext(
        stack=target.name,
        database_url="",
        vaults={"elsewhere": _open_elsewhere(target, identity)},
        heartbeat_urls={},
        checkin_urls={},
        trust=find_trust(target),
    )


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
    if "replica" in used and (role == "restorer" or role == "driller"):  # noqa: PLR1714 - narrows the type
        return target.replica_credentials(role)
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
    stores, vaults = file.stores, file.vaults
    database = stores.database and stores.database.model_copy(
        update={"url": target.reach_database(stores.database.url)}
    )
    files = stores.files and stores.files.model_copy(
        update={"endpoint": stores.files.endpoint and target.reach_files(stores.files.endpoint)}
    )
    endpoint = {"endpoint": target.aws_endpoint}
    return file.model_copy(
        update={
            "stores": stores.model_copy(update={"database": database, "files": files}),
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
    target: RecoverySource, *, vaults: Collection[VaultName], identity: Path | None = None
) -> Mapping[VaultName, VaultClient]:
    """Open the vaults for reading, those of a stack by the names in its settings, without its state."""
    if isinstance(target, StackTarget) and set(vaults) != {"elsewhere"}:
        return _open_vaults(target, "restorer", vaults)
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
    """Open the file store of a stack, by its output `files_source`."""
    return FileSource(
        endpoint=target.reach_files(output["endpoint"]),
        region=output["region"],
        buckets=tuple(output["buckets"]),
        access_key=AccessKey(output["access_key_id"], output["secret_access_key"]),
    )
