"""Verifies backups: their objects against the manifest and, deeply, a restored copy against the checksums."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Final, Protocol

from core.failure import Failure
from recovery.catalogue import Verification
from recovery.manifest import BackupManifest, Manifest, ServerInfo, StoredObject
from recovery.postgres.checksums import compare_checksums, compute_checksums
from recovery.postgres.definitions import Definitions
from recovery.postgres.disk_space import private_folder
from recovery.postgres.globals import Extension
from recovery.postgres.snapshot import take_snapshot
from recovery.replica import compare_replica
from recovery.restore import RestoreOptions, fetch_globals, restore_database
from recovery.vault.vault import VaultClient


class ScratchDatabase(Protocol):
    """An empty database on a server of its own."""

    @property
    def url(self) -> str:
        """Address of the database, as its owner, who is no superuser."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """How the server differs from the source's."""
        ...


CreateScratchDatabase = Callable[[ServerInfo, Sequence[Extension]], AbstractContextManager[ScratchDatabase]]
"""Creates a database as the source's is, with the source's extensions; the end of the context removes it."""

_OPTIONS: Final = RestoreOptions(placeholder_roles=True, partial=True)

_METHOD: Final = "ACCESS METHOD "
_ARGUMENTS: Final = re.compile(r"\(.*\)", re.DOTALL)
_NAME: Final = re.compile(r'"((?:[^"]|"")+)"|([\w$]+)')


def verify(
    manifest: Manifest,
    vault: VaultClient,
    *,
    replica: VaultClient | None = None,
    scratch: CreateScratchDatabase | None = None,
    check: Callable[[], Iterable[str]] | None = None,
) -> Verification:
    """
    Verify a backup of the database; with `scratch`, deeply: restore it there and compare the copy.

    Problems of the backup are in the result and not raised. `check` is as of `check_backup`.
    """
    unproven: list[str] = []
    deep = (lambda: _restore_and_compare(manifest, vault, scratch, unproven)) if scratch else None
    verification = check_backup(manifest, vault, replica=replica, deep=deep, check=check)
    return verification.model_copy(update={"unproven": tuple(unproven)})


def check_backup(
    manifest: BackupManifest,
    vault: VaultClient,
    *,
    replica: VaultClient | None = None,
    deep: Callable[[], Iterable[str]] | None = None,
    check: Callable[[], Iterable[str]] | None = None,
) -> Verification:
    """
    Verify a backup of any store: read its objects, compare their copies in `replica`, and call `deep`.

    `deep` restores the backup and returns one phrase per problem. It is called only if there are no others.
    `check` takes the place of reading the objects, for a vault that stores them in another form.
    """
    problems = list(check() if check else _check_objects(manifest, vault))
    pending: tuple[str, ...] = ()
    if replica:
        versions = [(stored.key, stored.version) for stored in manifest.objects]
        versions += [(entry.key, entry.version) for entry in vault.list_entries(manifest.key)]
        replica_problems, pending = compare_replica(versions, vault, replica)
        problems += replica_problems
    if deep and not problems:
        problems += deep()
    return Verification(
        backup=manifest.id,
        at=datetime.now(UTC),
        deep=deep is not None,
        problems=tuple(problems),
        pending=pending,
    )


def _check_objects(manifest: BackupManifest, vault: VaultClient) -> Iterator[str]:
    for key, count in _count_versions(vault, manifest.folder).items():
        if count > 1:
            yield f"{key} has {count} versions; a backup is written once"
    yield from read_objects(manifest, vault)


def read_objects(manifest: BackupManifest, vault: VaultClient) -> Iterator[str]:
    """
    Read the versions of a backup's objects that its manifest names; yield one phrase per problem.

    Other versions of them are none: a restore does not read these.
    """
    for stored in manifest.objects:
        try:
            yield from _check_metadata(stored, vault)
            for _ in vault.read(stored.key, stored.version, sha256=stored.sha256):
                pass
        except Failure as failure:
            yield str(failure)


def _count_versions(vault: VaultClient, folder: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    for entry in vault.list_entries(folder, versions=True):
        counts[entry.key] = counts.get(entry.key, 0) + 1
    return counts


def _check_metadata(stored: StoredObject, vault: VaultClient) -> Iterator[str]:
    """Compare an object's metadata in the vault with that after the upload."""
    current = vault.head(stored.key, stored.version)
    if current.bytes != stored.bytes:
        yield f"{stored.key} has {current.bytes} bytes; its manifest says {stored.bytes}"
    if stored.locked_until and (not current.locked_until or current.locked_until < stored.locked_until):
        yield f"{stored.key} is locked for less time than when it was stored"
    if stored.lock_mode == "COMPLIANCE" and current.lock_mode != "COMPLIANCE":
        yield f"{stored.key} is no longer locked in mode COMPLIANCE"


def _restore_and_compare(
    manifest: Manifest, vault: VaultClient, scratch: CreateScratchDatabase, unproven: list[str]
) -> Iterator[str]:
    """Yield what differs in a restored copy; add to `unproven` what this machine can't restore."""
    found: list[Definitions] = []
    try:
        extensions = fetch_globals(manifest, vault).extensions
        stored = _fetch_definitions(manifest, vault)
    except Failure as failure:
        yield str(failure)
        return
    # That no server can be had is no problem of the backup, and is raised.
    with scratch(manifest.server, extensions) as copy, private_folder() as folder:
        try:
            result = restore_database(manifest, vault, copy.url, folder=folder, options=_OPTIONS)
            with take_snapshot(copy.url) as snapshot:
                checksums = compute_checksums(
                    copy.url, snapshot, tables=manifest.selected, on_definitions=found.append
                )
        except Failure as failure:
            yield str(failure)
            return
    # Of selected tables, foreign keys to tables that were not selected are missing.
    ignore = ("constraints",) if manifest.selected else ()
    unproven += [*copy.notes, *result.failed]
    figures = manifest.figures
    if stored and result.failed and stored.fingerprints() == figures.definitions:
        stored = _exclude_unproven(stored, found[0], result.failed)
        figures = figures.model_copy(update={"definitions": stored.fingerprints()})
    yield from compare_checksums(
        figures, checksums, ignore=ignore, definitions=(stored, found[0]) if stored else None
    )


def _exclude_unproven(expected: Definitions, actual: Definitions, failed: Collection[str]) -> Definitions:
    """
    Return the expected definitions without those that are missing because something could not be restored.

    A table whose access method could not be made is expected in PostgreSQL's own.

    `failed` are phrases about it, whose names are compared with those of the definitions.
    """
    failed_words = {
        word for phrase in failed for word in _find_names(phrase.partition(": ")[0], qualified=False)
    }
    methods = [
        phrase.removeprefix(_METHOD).partition(": ")[0] for phrase in failed if phrase.startswith(_METHOD)
    ]

    def is_missing_as_expected(kind: str, name: str) -> bool:
        present = {other for other, _ in actual.kinds.get(kind, ())}
        return name not in present and bool(failed_words & set(_find_names(name)))

    def as_restored(kind: str, definition: str) -> str:
        for method in methods if kind == "tables" else ():
            definition = definition.replace(f" USING {method} ", " USING heap ")
        return definition

    return Definitions(
        kinds={
            kind: tuple(
                (name, as_restored(kind, definition))
                for name, definition in pairs
                if not is_missing_as_expected(kind, name)
            )
            for kind, pairs in expected.kinds.items()
        }
    )


def _find_names(phrase: str, *, qualified: bool = True) -> Iterator[str]:
    """Yield the names in a phrase such as `FUNCTION public.f(integer)`; schemas only if `qualified`."""
    text = _ARGUMENTS.sub(" ", phrase)
    for match in _NAME.finditer(text):
        quoted, plain = match.groups(default="")
        if not qualified and text[match.end() : match.end() + 1] == ".":
            continue  # a schema: what else is in it was not said to be missing
        # The kinds of objects are in capital letters, and every database has the schema public.
        if quoted or (plain != "public" and not plain.isupper()):
            yield quoted or plain


def _fetch_definitions(manifest: Manifest, vault: VaultClient) -> Definitions | None:
    """Return the source's definitions; None if an earlier version made the backup, which stored none."""
    if not (stored := manifest.definitions):
        return None
    return Definitions.from_bytes(vault.read(stored.key, stored.version, sha256=stored.sha256))
