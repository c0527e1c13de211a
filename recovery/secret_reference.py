"""A secret that a document only refers to: the environment variable or the file that has it."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from core.failure import Failure

_MAX_BYTES: Final = 64 << 10
_FORBIDDEN_MODE: Final = stat.S_IWGRP | stat.S_IRWXO
_IN_CLEAR: Final = "is no reference to a secret; write {env: NAME} or {file: PATH}, and the secret there"


class MissingSecret(Failure):
    """The environment has no such variable, or there is no such file."""


class SecretReference(BaseModel):
    """Where a secret comes from: either `env` or `file`. The secret itself has no place in the document."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        defer_build=True,
        json_schema_extra={"oneOf": [{"required": ["env"]}, {"required": ["file"]}]},
    )

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """Name of an environment variable."""

    file: Path | None = None
    """Path of a file, relative to the document. Others may not read it; its last line break is left out."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_secrets(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError(_IN_CLEAR)  # noqa: TRY004 - pydantic turns only ValueError into its own error
        return value

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("names either an environment variable (env) or a file (file)")
        return self

    def resolve(self, folder: Path, variables: Mapping[str, str] | None = None) -> str:
        """
        Return the secret. `folder` is that of the document, `variables` are those of the environment.

        Raises:
            MissingSecret: the variable is not set or empty, or the file does not exist.
            Failure: others may read the file or write to it, or it is empty or no text.
        """
        if self.env is not None:
            value = (os.environ if variables is None else variables).get(self.env)
            if not value:
                raise MissingSecret(
                    f"The environment variable {self.env} is not set.", "set it and run this again."
                )
            return value
        path = folder / (self.file or "")
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & _FORBIDDEN_MODE:
                    raise Failure(
                        f"The secret in {path} is open to others (mode {stat.S_IMODE(mode):04o}).",
                        f"change the secret, as others may have it, and close the file: chmod 600 {path}",
                    )
                body = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            raise MissingSecret(
                f"There is no file {path}, which has a secret.", "put the secret there, with mode 0600."
            ) from None
        except OSError as error:
            raise Failure(
                f"The secret in {path} can't be read: {error.strerror}.", "let this user read it."
            ) from None
        try:
            text = body.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            text = ""
        if not text or "\0" in text or len(body) > _MAX_BYTES:
            raise Failure(f"{path} holds no secret.", "put the secret alone into it, as text.")
        return text
