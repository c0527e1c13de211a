"""Runs pg_restore for chosen entries of an archive; the first error fails the whole restore."""

import re
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.failure import Failure
from recovery.postgres.client_programs import ClientProcess, ClientPrograms, ProcessResult
from recovery.postgres.connection import keepalive_parameters, libpq_environment, redact
from recovery.postgres.toc import TocEntry
from recovery.postgres.unnamed_file import UnnamedFile, inherited_descriptors

_OBJECT_LINES: Final = ("pg_restore: creating ", "pg_restore: processing data for ", "pg_restore: executing ")
_ERROR_LINES: Final = ("pg_restore:", "DETAIL", "HINT", "Command was")
_STATEMENT_LINE: Final = "Command was:"
_ENTRY_LINE: Final = re.compile(r"pg_restore: from TOC entry (\d+);")
_WARNING: Final = "warning:"
_OUTPUT_BYTES: Final = 1 << 16

_UNKNOWN_SETTING: Final = 'unrecognized configuration parameter "transaction_timeout"'
_UNKNOWN_SETTING_SINCE, _KNOWN_SETTING_SINCE = 17, 17
"""
pg_restore 17 and later set transaction_timeout in every session, and servers before 17 refuse that.
Source: pg_backup_archiver.c, _doSetFixedOutputState.
"""

_ADVICE: Final = {
    "No space left on device": "give the target's server more room",
    "could not read": "fetch the archive again: it cannot be read",
    "unsupported version": "use a newer client than {version}",
    "must be owner of": "restore as a role that may act as all owners, or with --no-owner",
    "permission denied": "restore as a role that may do what the message names",
    "out of memory": "restore with fewer jobs",
    "out of shared memory": "raise max_locks_per_transaction of the target's server",
    "cannot perform COPY FREEZE": "restore with --jobs 1, and report this",
    "deadlock detected": "restore with --jobs 1",
    "violates foreign key constraint": (
        "the rows break this constraint in the source already: mend them there and take a new backup, or "
        "restore this one without the constraint (--leave-out {entry})"
    ),
    "violates check constraint": (
        "the rows break this constraint in the source already: mend them there and take a new backup, or "
        "restore this one without the constraint (--leave-out {entry})"
    ),
}
_MISSING_NAME: Final = re.compile(r"(?:function|operator|type|relation) .* does not exist")
_MISSING_NAME_ADVICE: Final = (
    "a function of the source uses a name without its schema, which a restore does not find: name the "
    "schemas to look in (--search-path public,...), and in the source give the function a search_path of its "
    "own"
)


def needs_one_job(clients: ClientPrograms, server_major: int) -> bool:
    """
    Return whether this pg_restore makes errors at this server that are none.

    It goes on after them, and the errors of several jobs can't be told apart with certainty.
    """
    return clients.major >= _UNKNOWN_SETTING_SINCE and server_major < _KNOWN_SETTING_SINCE


@dataclass(frozen=True)
class ArchiveRestore:
    """The parts of a restore that all of its runs of pg_restore share."""

    clients: ClientPrograms
    url: str
    server_major: int
    archive: Path
    options: Sequence[str]
    """Further options of pg_restore."""

    on_object: Callable[[], None]
    """Called in a thread with each object whose restore has begun."""

    def run(self, entries: Sequence[TocEntry], *, jobs: int) -> list[str]:
        """
        Restore the entries and return the warnings, of pg_restore and of the server.

        Raises:
            Failure: an entry can't be restored. The target is not whole then.
        """
        tolerates = needs_one_job(self.clients, self.server_major)
        failed_ids: list[int] = []

        def read_progress(line: str) -> None:
            if line.startswith(_OBJECT_LINES):
                self.on_object()
            elif match := _ENTRY_LINE.match(line):
                failed_ids.append(int(match[1]))

        with UnnamedFile() as list_file:
            list_file.write("".join(f"{entry.id};\n" for entry in entries).encode())
            arguments = [
                "--no-password",
                "--no-tablespaces",
                "--verbose",
                f"--jobs={jobs}",
                f"--use-list={list_file.path}",
                f"--dbname={keepalive_parameters(self.url)}",
                *(() if tolerates else ("--exit-on-error",)),
                *self.options,
                str(self.archive.absolute()),
            ]
            with ClientProcess(
                self.clients.restore,
                arguments,
                libpq_environment(self.url),
                on_progress_line=read_progress,
                tolerated_error=_UNKNOWN_SETTING if tolerates else "",
                pass_fds=inherited_descriptors(self.archive, list_file.path),
            ) as process:
                with closing(process.read_output(_OUTPUT_BYTES)) as output:
                    for _ in output:
                        pass
                result = process.wait()
        if not result.succeeded:
            failed = next((str(entry) for entry in entries if entry.id in failed_ids), "")
            raise self._explain(result, failed)
        # The messages of several jobs may be mixed within a line.
        lines = redact(result.messages, self.url).splitlines()
        return [line.removeprefix("pg_restore: ") for line in lines if _WARNING in line.lower()]

    def _explain(self, result: ProcessResult, failed: str) -> Failure:
        """Return the Failure; `failed` is the object whose statement failed, if that is known."""
        messages = _error_lines(redact(result.messages, self.url))
        entry = f'"{failed}"' if failed else "OBJECT"
        step = next((step for cause, step in _ADVICE.items() if cause in messages), "")
        if not step and _MISSING_NAME.search(messages):
            step = _MISSING_NAME_ADVICE
        if not step:
            step = "mend what pg_restore complains about"
            step += ", or restore without that object (--leave-out {entry})" if failed else ""
        return Failure(
            f"The restore failed: pg_restore {result.description}; what is in the target is not whole.",
            f"{step.format(version=self.clients.version, entry=entry)}. Then drop the target database, and "
            "restore into a new one.",
            messages,
        )


def _error_lines(messages: str) -> str:
    """
    Return the lines that explain an error, with the first line of the failed statement.

    pg_restore quotes all lines of the statement, which may hold secrets.
    """
    kept: list[str] = []
    awaits_statement = False
    for line in messages.splitlines():
        if line.startswith(_ERROR_LINES):
            kept.append(line)
            awaits_statement = line.strip() == _STATEMENT_LINE
        elif awaits_statement and line.strip():
            kept[-1] = f"{_STATEMENT_LINE} {line.strip()}"
            awaits_statement = False
    return "\n".join(kept)
