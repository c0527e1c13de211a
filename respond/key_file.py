"""
The file in which a person gets a new API key: its id, and the variable that is to have it.

It is in the form of `gh secret set --env-file` and of a shell. Neon can't be asked whose a token is, so that
the id stands beside it: another key's token in its place would be taken for the new one.
"""

import os
import re
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.failure import Failure

_LONGEST: Final = 1000
_FORM: Final = re.compile(r"# API key ([0-9]+)\n([A-Z_]+)=([0-9A-Za-z_-]+)\n")


@dataclass(frozen=True)
class HeldKey:
    """A key with its token."""

    id: int
    token: str = field(repr=False)


@dataclass(frozen=True)
class KeyFile:
    """A file on this machine, for the key of one variable."""

    path: Path
    variable: str

    def read(self) -> HeldKey | None:
        """
        Return the key in the file; None if there is no file, or only the place for one.

        Raises:
            Failure: the file has something else.
        """
        try:
            is_file = stat.S_ISREG(self.path.lstat().st_mode)
            content = self.path.read_bytes()[:_LONGEST] if is_file else b"no file"
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failure(error) from None
        if not content:
            return None
        found = _FORM.fullmatch(content.decode(errors="replace"))
        if not found or found[2] != self.variable:
            raise Failure(f"{self.path} has something else than a new key.", "name a file that is not there.")
        return HeldKey(int(found[1]), found[3])

    def reserve(self) -> None:
        """
        Make the file before there is a key for it, for its owner alone.

        Raises:
            Failure: there is a file already, or it can't be made.
        """
        try:
            with suppress(FileNotFoundError):
                there = self.path.lstat()
                if stat.S_ISREG(there.st_mode) and not there.st_size:  # a call that broke off had made it
                    self.path.unlink()
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except OSError as error:
            raise self._failure(error) from None

    def write(self, key: HeldKey) -> None:
        """Write a key into the reserved file. Raises Failure."""
        text = f"# API key {key.id}\n{self.variable}={key.token}\n"
        try:
            with os.fdopen(os.open(self.path, os.O_WRONLY | os.O_NOFOLLOW), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> Failure:
        return Failure(
            f"{self.path} can't hold a new key: {error.strerror}.", "name another file with --key-file."
        )
