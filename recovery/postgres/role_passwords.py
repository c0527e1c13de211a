"""Passwords for restored roles, in a file that only its owner can read."""

import json
import os
import secrets
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from core.documents import DocumentError, parse_json
from core.failure import Failure

_BYTES: Final = 24
"""Random bytes of a new password."""

_LONGEST_BYTES: Final = 1 << 20
_FORM: Final = 'write a JSON object of roles and their passwords: {"role": "password"}.'


@dataclass(frozen=True)
class RolePasswords:
    """Passwords that are given, and a file for new ones."""

    given: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    new_file: Path | None = None
    """Roles without a given password get a new one, which is written there first. None: they get none."""

    def choose(self, roles: Iterable[str]) -> dict[str, str]:
        """
        Return the passwords of roles that log in, and write those that are new.

        Raises:
            Failure: the file for new ones exists, or can't be written.
        """
        names = list(roles)
        passwords = {role: self.given[role] for role in names if role in self.given}
        new = {role: secrets.token_urlsafe(_BYTES) for role in names if role not in passwords}
        if self.new_file is None:
            return passwords
        if new:
            _write_private(self.new_file, json.dumps(new, indent=2, ensure_ascii=False) + "\n")
        return passwords | new


def read_passwords(file: Path) -> dict[str, str]:
    """
    Read a JSON object of role -> password.

    Raises:
        Failure: it is no such file, or others may read it.
    """
    try:
        with file.open("rb") as stream:
            status = os.fstat(stream.fileno())
            content = stream.read(_LONGEST_BYTES + 1)
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name the file of passwords.") from None
    if stat.S_IMODE(status.st_mode) & 0o077 or status.st_uid not in {0, os.geteuid()}:
        raise Failure(f"Others may read or write {file}.", f"keep it to yourself: chmod 600 {file}.")
    try:
        passwords: Any = parse_json(content, max_bytes=_LONGEST_BYTES)
    except DocumentError as error:
        raise Failure(f"{file} has no passwords: {error}.", _FORM) from None
    if not isinstance(passwords, dict) or not all(isinstance(one, str) and one for one in passwords.values()):
        raise Failure(f"{file} has no passwords.", _FORM)
    return passwords


def _write_private(file: Path, text: str) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise Failure(
            f"The new passwords can't be written to {file}: {error.strerror}.",
            "name a file that does not exist yet, in a folder that you may write.",
        ) from None
