"""Options that several commands take."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

StackOption = Annotated[str, Parameter(name=["--stack", "-s"])]
ChosenStackOption = Annotated[str | None, Parameter(name=["--stack", "-s"])]
"""The stack of a command that takes a recovery file instead; None is `local` without such a file."""

RecoveryOption = Annotated[str | None, Parameter(name="--recovery")]
"""A recovery file's path, or `aws-secret:NAME`, a role's document in AWS Secrets Manager."""

StoreOption = Annotated[str, Parameter(name="--store")]
"""The name of a store of the stack or the recovery file, or `all`."""

UnsandboxedOption = Annotated[bool, Parameter(name="--unsandboxed", negative=())]
"""Restore what can hold programs where nothing separates them from the caller (core/sandbox.py)."""

IdentityOption = Annotated[Path | None, Parameter(name="--identity")]
"""The identity file of the copies elsewhere: its path, never the key itself."""

AdministratorOption = Annotated[bool, Parameter(name="--administrator", negative=())]
TwinOption = Annotated[bool, Parameter(name="--twin", negative=())]
JsonOption = Annotated[bool, Parameter(name="--json", negative=())]
