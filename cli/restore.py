"""`./bulwark restore`: restores a backup into an empty database, folder or bucket."""

import os
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeVar
from urllib.parse import quote, urlsplit

from cyclopts import Parameter

from cli.events import RunLog
from cli.left_out import describe_left_out
from cli.options import (
    ChosenStackOption,
    IdentityOption,
    RecoveryOption,
    TwinOption,
    UnsandboxedOption,
)
from cli.output import format_size
from cli.recovery_context import declared_stores, find_trust, open_context, open_stores, open_vaults
from cli.recovery_source import RecoverySource, describe_source, find_source
from cli.servers import new_server
from core.console import PrintableConsole, plain
from core.failure import Failure
from core.text import printable
from recovery import catalogue
from recovery.attestation import Trust
from recovery.context import RecoveryContext, VaultName, require_vault
from recovery.files.manifest import FilesManifest
from recovery.files.parallel import WORKERS
from recovery.files.restore import Selection, restore_files
from recovery.files.target import BucketAddress, BucketTarget, FolderTarget, RestoreTarget
from recovery.manifest import BackupManifest, Manifest
from recovery.manifests import find_stores
from recovery.postgres.connection import connect
from recovery.postgres.disk_space import private_folder
from recovery.postgres.role_passwords import RolePasswords, read_passwords
from recovery.restore import RestoreOptions, RestoreResult, fetch_globals, restore_database
from recovery.state import STATE_FILE, StateManifest, restore_state
from recovery.store import STATE, Store, choose_stores, list_names
from recovery.vault.client import AccessKey
from recovery.vault.vault import VaultClient

_M = TypeVar("_M", bound=BackupManifest)

VaultOption = Annotated[VaultName, Parameter(name="--vault")]
TARGET_VARIABLE = "BULWARK_RESTORE_PASSWORD"
INCOMPLETE: Final = 3
"""Exit code of a restore that succeeded and lacks something of the source."""


def restore(
    *,
    to: str,
    stack: ChosenStackOption = None,
    recovery: RecoveryOption = None,
    on_twin: TwinOption = False,
    store: Annotated[str | None, Parameter(name="--store")] = None,
    backup: str | None = None,
    at: datetime | None = None,
    table: Annotated[tuple[str, ...], Parameter(name="--table", negative=())] = (),
    bucket: str | None = None,
    prefix: str = "",
    vault: VaultOption = "primary",
    identity: IdentityOption = None,
    jobs: int | None = None,
    role: str = "",
    no_owner: Annotated[bool, Parameter(negative=())] = False,
    passwords: Path | None = None,
    new_passwords: Path | None = None,
    leave_out: Annotated[tuple[str, ...], Parameter(name="--leave-out", negative=())] = (),
    search_path: str = "",
    unsandboxed: UnsandboxedOption = False,
) -> int:
    """
    Restore a backup into what is empty: a database, for files a folder or a bucket, for a state a folder.

    Args:
        to: Address of the empty database, `postgresql://user@host:port/name`, whose password comes from
            BULWARK_RESTORE_PASSWORD; `new` makes a server of its own on this machine, and nothing at a
            vendor. Of files an empty folder or `s3://bucket`, whose service and key
            BULWARK_RESTORE_ENDPOINT, _REGION, _ACCESS_KEY_ID and _SECRET_ACCESS_KEY name, if it is not AWS
            with the environment's credentials; of a state an empty folder.
        stack: The stack; by default `local`, the twin on this machine.
        recovery: A recovery file (docs/recovery.md) that names stores and vaults, in place of a stack.
        on_twin: Restore what a stack backed up on the twin.
        store: Name of the store that comes back; by default the database, if there is one alone. `state` is
            the stack's own state, even if the engine has none of it.
        backup: Id of the backup; the newest by default.
        at: The newest backup that shows this moment (UTC) or an earlier one.
        table: Of the database only this table, with its partitions and all that it needs; may be repeated. It
            is an exact name, `table` or `schema.table`, without wildcards, and "in quotes" what has a dot or
            a quote in it.
        bucket: Of the files only those of this bucket.
        prefix: Of the files only those whose keys begin so.
        vault: `replica` restores from the other region alone, `elsewhere` from the encrypted copies at
            another cloud alone.
        identity: File with the private key of the copies elsewhere, as age-keygen writes it; others may not
            read it.
        jobs: How much is read in parallel: 2 connections of a database, 16 files.
        role: Of a database: the role to act as, which the user of the address is a member of.
        no_owner: Of a database: everything belongs to the role that restores; no roles and no grants.
        passwords: Of a database: file with the passwords of its roles, `{"role": "password"}`, which only its
            owner may read (mode 600). A role without one can't log in.
        new_passwords: Of a database: new file for new passwords of the roles that would get none, in the same
            form.
        leave_out: Of a database: an object, named as a message of this command does, that is left out with
            all that needs it.
        search_path: Of a database whose functions use names without a schema: the schemas to look in,
            separated by commas.
        unsandboxed: Go on where nothing separates what is restored from your files and credentials: neither
            another user nor a namespace. A dump can hold programs of whoever could write to the vault.

    Returns:
        0 when everything is there that the source had and that was asked for; 3 when the database is restored
        and something is missing in it: the output says what could not be made, and what was left out.
    """
    if at and _as_utc(at) > datetime.now(UTC):
        raise Failure(f"--at {at:%Y-%m-%d %H:%M:%S} UTC is in the future.", "name a moment before now.")
    found = find_source(stack, on_twin=on_twin, recovery=recovery)
    chosen_store = _choose_store(found, store, vault, identity)
    if chosen_store.kind != "database" and (
        table or role or no_owner or passwords or new_passwords or leave_out or search_path
    ):
        raise Failure(
            "--table, --role, --no-owner, --passwords, --new-passwords, --leave-out and --search-path are of "
            "a database alone.",
            "leave them out.",
        )
    if chosen_store.kind != "files" and (bucket or prefix):
        raise Failure(
            "--bucket and --prefix choose from files alone.", "name a store of files, such as --store files."
        )
    if chosen_store == STATE:
        source = require_vault(open_vaults(found, vaults=(vault,), identity=identity), vault)
        state = _choose(source, StateManifest, STATE, find_trust(found), backup, at)
        restore_state(state, source, Path(to))
        sys.stdout.write(_next_steps(state, to))
        return 0
    if chosen_store.kind == "files":
        context = open_context(found, vaults=(vault,), identity=identity)
        client = require_vault(context.vaults, vault)
        manifest = _choose(client, FilesManifest, chosen_store, context.trust, backup, at)
        selection = Selection(bucket=bucket, prefix=prefix)
        sys.stdout.write(
            _restore_files(to, manifest, context, vault=vault, selection=selection, at_once=jobs)
        )
        sys.stdout.write(_summary(manifest))
        return 0
    url = "" if to == "new" else _add_password(to)
    # A stack's state knows the database, which must not be restored into. From elsewhere it is not read.
    context = open_stores(found, [chosen_store], vaults=(vault,), identity=identity)[chosen_store]
    options = RestoreOptions(
        jobs=jobs or 2,
        tables=table,
        owners=not no_owner,
        role=role,
        leave_out=leave_out,
        search_path=search_path,
        placeholder_roles=not url,
        partial=not url,
        passwords=_open_passwords(passwords, new_passwords),
    )
    client = require_vault(context.vaults, vault)
    chosen = _choose(client, Manifest, chosen_store, context.trust, backup, at)
    if url:
        _require_login(url)
    restore_into = partial(_restore_database, chosen, context, vault=vault, options=options)
    if url:
        return _report(restore_into(url), chosen)
    extensions = fetch_globals(chosen, context.vaults[vault]).extensions
    with new_server(chosen.id, chosen.server, extensions, unsandboxed=unsandboxed) as server:
        result = restore_into(server.url)
    result = replace(result, notes=(*server.notes, *result.notes))
    where = f"It is at {server.shown_url}\nRemove it: ./bulwark discard {chosen.id}\n"
    return _report(result, chosen, where=where)


def _choose_store(source: RecoverySource, name: str | None, vault: VaultName, identity: Path | None) -> Store:
    """
    Return the named store; without a name the one database, or the one store that there is.

    The vault is asked where the stack or the recovery file does not name it: its own may be lost as well.

    Raises:
        Failure: there is none of this name, or several to choose from.
    """
    known = declared_stores(source)
    if not known or (name and all(store.name != name for store in known)):
        opened = open_vaults(source, vaults=(vault,), identity=identity)
        known = tuple(dict.fromkeys((*known, *find_stores(require_vault(opened, vault)))))
    databases = [store for store in known if store.kind == "database"]
    if not name and len(databases) != 1 and len(known) != 1:
        raise Failure(
            f"{describe_source(source)} has several stores, of which one is restored."
            if known
            else f"{describe_source(source)} and its vault hold no store.",
            f"name one with --store: {list_names(known)}.",
        )
    if not name:
        return databases[0] if databases else known[0]
    if name == "all":
        raise Failure("One store is restored at a time.", f"name one with --store: {list_names(known)}.")
    return choose_stores(known, name, place=f"{describe_source(source)} and its vault")[0]


def _choose(  # noqa: PLR0917 - private
    vault: VaultClient, kind: type[_M], store: Store, trust: Trust, backup: str | None, at: datetime | None
) -> _M:
    """Return the manifest of the backup to restore, and warn of one that does not count."""
    backups = catalogue.read_backups(vault, kind, trust, store=store.name)
    chosen = catalogue.choose_backup(backups, backup_id=backup, at=_as_utc(at) if at else None)
    found = catalogue.find_backup(backups, chosen.id)
    for doubt in found.doubts if found else ():
        sys.stderr.write(printable(f"Backup {chosen.id} does not count: it {doubt}.") + "\n")
    return chosen


def _restore_database(
    chosen: Manifest, context: RecoveryContext, target: str, *, vault: VaultName, options: RestoreOptions
) -> RestoreResult:
    """Restore into the database at `target` and show the progress."""
    run = RunLog(
        f"Restoring {chosen.id}", command="restore", store=chosen.store, backup=chosen.id, vault=vault
    )
    with private_folder() as folder, run:
        return restore_database(
            chosen,
            require_vault(context.vaults, vault),
            target,
            folder=folder,
            source_url=context.database_url or None,
            options=options,
            on_progress=lambda what, done, of: run.progress(
                _format_share(what, done, of), step=what, done=done, of=of
            ),
        )


def _open_passwords(given: Path | None, new_file: Path | None) -> RolePasswords:
    """
    Read the given passwords, and look whether new ones can be written.

    Raises:
        Failure: one of the files won't do. Nothing was restored then.
    """
    if new_file and (new_file.exists() or not os.access(new_file.absolute().parent, os.W_OK)):
        raise Failure(
            f"New passwords can't be written to {new_file}.",
            "name a file that does not exist yet, in a folder that you may write.",
        )
    return RolePasswords(read_passwords(given) if given else {}, new_file)


def _report(result: RestoreResult, manifest: Manifest, *, where: str = "") -> int:
    """Print what a restore did, and end with the verdict; return the exit code."""
    for heading, items in (
        ("Made beside what the dump holds:", result.applied),
        ("Could not be made:", result.failed),
        ("Left out:", result.left_out),
        ("Left out as asked:", result.omitted),
        ("To know:", result.notes),
    ):
        if items:
            sys.stdout.write("\n  ".join([heading, *map(printable, items)]) + "\n")
    sys.stdout.write(f"{_summary(manifest)}{where}")
    if result.is_complete:
        return 0
    missing = len(result.failed) + len(result.left_out)
    sys.stdout.write(
        f"Not complete: {missing} missing, listed above. Next: make what you need of it by hand, "
        "or restore as a role that may.\n"
    )
    return INCOMPLETE


def _format_share(what: str, done: int, of: int) -> str:
    if what == "fetched":
        return f"{format_size(done)} of {format_size(of)} fetched"
    return f"{done} of {of} objects made"


def _summary(manifest: BackupManifest) -> str:
    what = f"{printable(manifest.id)} of {manifest.store}"
    return f"Restored {what}, as of {manifest.snapshot_at:%Y-%m-%d %H:%M:%S} UTC.\n"


def _next_steps(manifest: StateManifest, folder: str) -> str:
    """Return how the engine takes the state up again."""
    needs = {
        "passphrase": "the stack's passphrase (PULUMI_CONFIG_PASSPHRASE)",
        "service": "Pulumi Cloud, which alone can read the secrets in it",
    }.get(manifest.secrets_provider.type, "the right to use the key in its secrets_providers")
    return (
        f"{_summary(manifest)}"
        f"{manifest.summary} of stack {manifest.stack}, by Pulumi {manifest.tools['pulumi']}. "
        f"To read its secrets takes {needs}.\n"
        f"Give it to a new backend: ./bulwark pulumi login ... && "
        f"./bulwark pulumi stack init {manifest.stack} && "
        f"./bulwark pulumi stack import --stack {manifest.stack} "
        f"--file {Path(folder).resolve() / STATE_FILE}\n"
    )


def _add_password(to: str) -> str:
    """
    Return the target's address with its password.

    Raises:
        Failure: it has a password in it, and everybody on this machine can read a process's arguments.
    """
    parts = urlsplit(to)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.hostname:
        raise Failure(
            "--to is no address of a database.", "write it as postgresql://user@host:port/name, or as new."
        )
    if parts.password:
        raise Failure(
            "--to has a password in it, which everybody on this machine can read meanwhile.",
            f"leave it out and set {TARGET_VARIABLE}.",
        )
    password = os.environ.get(TARGET_VARIABLE)
    if not password:
        return to
    user = f"{parts.username or ''}:{quote(password, safe='')}"
    return parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}").geturl()


def _require_login(url: str) -> None:
    """
    Connect to the target once, before anything is fetched for it.

    Raises:
        Failure: it can't be reached, or does not let the user in.
    """
    try:
        with connect(url):
            pass
    except Failure as failure:
        if os.environ.get(TARGET_VARIABLE):
            raise
        cause = str(failure).removeprefix("bulwark: ").partition("\n  Next: ")[0]
        raise Failure(
            cause, f"check the address, and set {TARGET_VARIABLE} to the user's password."
        ) from None


def _as_utc(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


_ENDPOINT: Final = "BULWARK_RESTORE_ENDPOINT"
_REGION: Final = "BULWARK_RESTORE_REGION"
_KEY_ID: Final = "BULWARK_RESTORE_ACCESS_KEY_ID"
_SECRET: Final = "BULWARK_RESTORE_SECRET_ACCESS_KEY"  # noqa: S105 - the name of a variable
"""Variables of the bucket's service, where it is not AWS with the environment's credentials."""


def _restore_files(
    to: str,
    manifest: FilesManifest,
    context: RecoveryContext,
    vault: VaultName,
    *,
    selection: Selection,
    at_once: int | None,
) -> str:
    """Restore files and return a summary."""
    target = _open_target(to, context, vault)
    with PrintableConsole(stderr=True).status(f"Restoring {plain(manifest.id)}") as status:

        def show(files: int, done: int) -> None:
            if files % 100 == 0:
                status.update(f"Restoring {plain(manifest.id)}: {files:,} files, {format_size(done)}")

        result = restore_files(
            manifest,
            require_vault(context.vaults, vault),
            target,
            selection=selection,
            workers=at_once or WORKERS,
            on_progress=show,
        )
    odd = (
        f"{result.odd_names:,} of them have no path there: see odd-names.jsonl.\n" if result.odd_names else ""
    )
    missing = describe_left_out(manifest, reasons=True)
    left_out = "\n  ".join(["Was not in the backup:", *missing]) + "\n" if missing else ""
    return (
        f"{result.files:,} files, {format_size(result.bytes)}, each with the SHA-256 of its listing.\n"
        f"{odd}{left_out}"
    )


def _open_target(to: str, context: RecoveryContext, vault: VaultName) -> RestoreTarget:
    match = re.fullmatch(r"s3://([^/]+)/?", to)
    if not match and "://" in to:
        raise Failure(f"{to} is neither a folder nor a bucket.", "name a folder, or a bucket as s3://bucket.")
    if not match:
        return FolderTarget.open_empty(Path(to))
    key_id, secret = os.environ.get(_KEY_ID), os.environ.get(_SECRET)
    if bool(key_id) != bool(secret):
        raise Failure(f"{_KEY_ID} and {_SECRET} belong together.", "set both, or neither.")
    address = BucketAddress(
        match[1],
        os.environ.get(_REGION) or _region_of(context, vault),
        os.environ.get(_ENDPOINT) or None,
        AccessKey(key_id, secret) if key_id and secret else None,
    )
    return BucketTarget.open_empty(address, vaults=context.vaults.values())


def _region_of(context: RecoveryContext, vault: VaultName) -> str:
    """Return the region of the vault that is read; another cloud's service has regions of its own."""
    if vault == "elsewhere" and not os.environ.get(_ENDPOINT):
        raise Failure(f"The region of the bucket is not known: {_REGION} is empty.", "set it.")
    return require_vault(context.vaults, vault).region
