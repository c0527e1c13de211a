"""What the options of a command choose for recovery: a stack, a recovery file, or a role's document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from cli.github_log import mask_secrets
from core.console import PrintableConsole
from core.failure import Failure
from recovery.recovery_file import RecoveryFile, read_recovery_file
from recovery.recovery_file_context import RecoveryFilePlace

if TYPE_CHECKING:
    from engine.stack_target import StackTarget

SECRET_PREFIX: Final = "aws-secret:"  # noqa: S105 - the form of a name, and no secret
"""Begins the value of --recovery that names a role's document in AWS Secrets Manager."""


@dataclass(frozen=True)
class DocumentedSource:
    """What a recovery file or a role's document describes, in place of a stack."""

    place: RecoveryFilePlace
    content: RecoveryFile

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


RecoverySource: TypeAlias = "StackTarget | DocumentedSource | DocumentedStack"


def get_target(source: StackTarget | DocumentedStack) -> StackTarget:
    return source.target if isinstance(source, DocumentedStack) else source


def find_source(stack: str | None, *, on_twin: bool, recovery: str | None) -> RecoverySource:
    """
    Return what a command's options choose.

    It is a stack, `local` by default; what a recovery file or a role's document describes; or a stack with
    the document of a role.

    Raises:
        Failure: a stack and a recovery file are chosen; the stack has no file, one of the files is wrong, or
            the document can't be read.
    """
    chooses_stack = stack or on_twin or recovery is None
    if recovery is not None and not recovery.startswith(SECRET_PREFIX):
        if chooses_stack:
            raise Failure(
                "A recovery file names stores and vaults without a stack.",
                f"leave out {'--stack' if stack else '--twin'}, or --recovery.",
            )
        path = Path(recovery)
        return DocumentedSource(RecoveryFilePlace(recovery, path.absolute().parent), read_recovery_file(path))
    if recovery is not None and not chooses_stack:
        return _read_document(recovery)
    from engine.targets import find_target  # noqa: PLC0415 - a recovery file needs no settings of a stack

    target = find_target(stack or "local", on_twin=on_twin)
    if recovery is None:
        return target
    target.prepare(PrintableConsole(stderr=True), runs_program=False)
    source = _read_document(recovery, target.aws_endpoint)
    if source.name != target.name:
        raise Failure(
            f"{recovery} is of the stack {source.name}, and this is {target.name}.", "name the other one."
        )
    return DocumentedStack(target, source)


def _read_document(recovery: str, endpoint: str | None = None) -> DocumentedSource:
    from recovery.role_document import parse_role_document  # noqa: PLC0415 - a file needs neither
    from recovery.secrets_manager import fetch_secret  # noqa: PLC0415 - the same

    document = parse_role_document(fetch_secret(recovery.removeprefix(SECRET_PREFIX), endpoint), recovery)
    mask_secrets(document.secrets.values())
    place = RecoveryFilePlace(recovery, Path.cwd(), document.secrets)
    return DocumentedSource(place, document.recovery)


def describe_source(source: RecoverySource) -> str:
    """Return what messages call a source, at the beginning of a sentence."""
    return source.place.name if isinstance(source, DocumentedSource) else f"The stack {source.name}"


def describe_options(source: RecoverySource) -> str:
    """Return the options by which a command gets a source, after a space; none for the local stack."""
    if isinstance(source, DocumentedSource):
        # The document of one role is of no use to the next command's.
        return "" if source.place.name.startswith(SECRET_PREFIX) else f" --recovery {source.place.name}"
    target = get_target(source)
    return f"{'' if target.name == 'local' else f' --stack {target.name}'}{target.option}"
