"""A database of another environment, such as staging's, that a restored backup may replace."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import psycopg
from psycopg import sql

from core.failure import Failure
from recovery.drill import smoke_tests
from recovery.drill.environment import RecoveredDatabase
from recovery.drill.evidence import TeardownResult
from recovery.drill.safety import is_drill_name, new_name
from recovery.manifest import ServerInfo
from recovery.postgres.connection import connect, explain_errors, is_same_database, parse_url
from recovery.postgres.globals import Globals

_MARK: Final = "bulwark: drills may replace this database of the stack {}"
_READ_MARK: Final = """
    SELECT pg_catalog.shobj_description(oid, 'pg_database'), pg_catalog.pg_get_userbyid(datdba)
    FROM pg_catalog.pg_database WHERE datname = current_database()
"""


def mark_of(stack: str) -> str:
    """Return the comment on a database by which its own server says that drills may replace it."""
    return _MARK.format(stack)


def _mark_statement(database: str, stack: str) -> sql.Composed:
    return sql.SQL("COMMENT ON DATABASE {} IS {}").format(
        sql.Identifier(database), sql.Literal(mark_of(stack))
    )


class ReceivingServer:
    """
    Implements `recovery.drill.environment.DrillEnvironment` by a server that another environment uses.

    A backup is restored into a new database beside the one that it is to replace, which goes only when
    everything that was restored has been compared, and in one transaction.
    """

    def __init__(
        self, folder: Path, *, stack: str, owner_url: str, application_url: str, source_url: str
    ) -> None:
        """
        Make the folder of the drill's files, and nothing else.

        Args:
            folder: Private; everything in it is removed with the drill.
            stack: The stack whose database is replaced.
            owner_url: Address of that database for its owner, on the server itself and not on a pooler.
            application_url: The same for the role of the application.
            source_url: Address of the database that the backups are of.
        """
        self.folder = folder / "files"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.scope = str(folder)
        self._stack = stack
        self._url = owner_url
        self._source_url = source_url
        self._login = urlsplit(application_url).netloc.rpartition("@")[0]
        self._database = parse_url(owner_url).get("dbname", "")

    @property
    def secrets(self) -> set[str]:
        """The passwords in the addresses."""
        return {
            unquote(part) for part in (urlsplit(self._url).password, self._login.partition(":")[2]) if part
        }

    def require_disposable(self) -> None:
        """
        Prove that the database is the other environment's and may be replaced; change nothing.

        Raises:
            Failure: it is the one that the backups are of, its own server does not say that drills may
                replace it, or the address is not its owner's.
        """
        if not self._source_url:
            raise Failure(
                "The database that the backups are of is not known, so that it can't be told from this one.",
                "nothing was changed; name a stack or a document that knows it.",
            )
        if is_same_database(self._source_url, self._url):
            raise Failure(
                f"The database that was named as that of {self._stack} is the one that the backups are of.",
                "nothing was changed; look at the addresses.",
            )
        with connect(self._url) as connection, explain_errors(connection, "look at the database"):
            row = connection.execute(_READ_MARK).fetchone()
            user = connection.info.user
            mark, owner = row or (None, None)
            if mark != mark_of(self._stack):
                statement = _mark_statement(self._database, self._stack).as_string(connection)
                raise Failure(
                    f"The database {self._database} does not say itself that drills may replace it, so that "
                    f"nothing shows that it is the one of {self._stack}.",
                    f"nothing was changed; if all in it may go, run as its owner: {statement}",
                )
        if owner != user:
            raise Failure(
                f"The database {self._database} belongs to {owner}, and the address is that of {user}.",
                "nothing was changed; give the owner's address.",
            )

    def prepare_branch(self, name: str) -> AbstractContextManager[Callable[[datetime], RecoveredDatabase]]:
        """Raise Failure: a branch of one project's history can't be made in another one."""
        del name
        raise Failure("A history can't be branched into another environment.", "drill loss or replica.")

    @contextmanager
    def create_database(
        self,
        name: str,
        server: ServerInfo,  # noqa: ARG002 - the server is there
        source_globals: Globals,
    ) -> Generator[RecoveredDatabase]:
        if not is_drill_name(name):
            raise Failure(f"{name} is no drill's name.", "nothing was made.")
        self.require_disposable()
        self._require_owner(source_globals.owner)
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0"), name)
        try:
            yield RecoveredDatabase(
                name,
                "",
                self._url_of(name),
                self._application_url_of(name),
                needs_placeholder_roles=True,
                notes=(f"it was restored on the server of the stack {self._stack}",),
                copy_to_keep=lambda: self._copy(name),
            )
        finally:
            self.remove(name)

    def check_removed(self, name: str) -> tuple[TeardownResult, ...]:
        left = self.list_databases()
        running = smoke_tests.find_leftover_processes(self.scope)
        files = [path for path in self.folder.rglob("*") if not path.is_dir()]
        checks = (
            ("database", left, f"the server has {', '.join(left) or 'no database of a drill'}"),
            ("platform's process", running, f"{len(running)} processes of the drill run"),
            ("restored files", files, f"{len(files)} files are in the drill's folder"),
        )
        return tuple(
            TeardownResult(name=name, kind=kind, gone=not found, proof=proof) for kind, found, proof in checks
        )

    def list_databases(self) -> list[str]:
        """Return the databases of drills that the server has."""
        with connect(self._url) as connection:
            rows = connection.execute("SELECT datname FROM pg_catalog.pg_database ORDER BY 1").fetchall()
        return [str(name) for (name,) in rows if is_drill_name(str(name))]

    def remove(self, name: str) -> None:
        """Drop a drill's database, if it is still there. Raise Failure if the name is not a drill's."""
        if not is_drill_name(name):
            raise Failure(f"{name} is no drill's database.", "nothing was removed.")
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)"), name)

    @contextmanager
    def _copy(self, name: str) -> Generator[Callable[[], str]]:
        """Copy a drill's database, and give what puts the copy in the place of the stack's."""
        copy = new_name("loss", datetime.now(UTC))
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}"), copy, name)
        try:
            yield lambda: self._put_in_place(copy, beside=name)
        finally:
            self.remove(copy)

    def _put_in_place(self, copy: str, *, beside: str) -> str:
        """
        Replace the stack's database by the copy, in one transaction, and return what was done.

        PostgreSQL renames no database that a session is in, so this one is in another: `beside`.

        Raises:
            Failure: somebody is connected to it, or it is no longer what it was.
        """
        self.require_disposable()
        before = new_name("loss", datetime.now(UTC))
        database, new, old = map(sql.Identifier, (self._database, copy, before))
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        with connect(self._url_of(beside)) as connection, explain_errors(connection, "replace the database"):
            try:
                with connection.transaction():
                    connection.execute(rename.format(database, old))
                    connection.execute(rename.format(new, database))
                    connection.execute(_mark_statement(self._database, self._stack))
            except psycopg.errors.ObjectInUse:
                raise Failure(
                    f"Somebody is connected to the database {self._database} of {self._stack}, which keeps "
                    "its data.",
                    "stop what uses it, and drill again.",
                ) from None
        self.remove(before)
        return f"it is the database {self._database} of the stack {self._stack} now"

    def _require_owner(self, owner: str) -> None:
        user = urlsplit(self._url).username or ""
        if owner != user:
            raise Failure(
                f"The backup's database belongs to {owner}, and that of {self._stack} to {user}: its "
                "migrations could not go on.",
                "give both environments the same roles; nothing was changed.",
            )

    def _url_of(self, name: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{quote(name, safe='')}").geturl()

    def _application_url_of(self, name: str) -> str:
        parts = urlsplit(self._url_of(name))
        return parts._replace(netloc=f"{self._login}@{parts.netloc.rpartition('@')[2]}").geturl()

    def _execute(self, statement: sql.SQL, *names: str) -> None:
        with connect(self._url) as connection:
            try:
                connection.execute(statement.format(*map(sql.Identifier, names)))
            except psycopg.errors.InsufficientPrivilege as error:
                raise Failure(
                    f"The owner of {self._database} may not do that: {error.diag.message_primary}.",
                    "let it create databases (ALTER ROLE ... CREATEDB).",
                ) from None
