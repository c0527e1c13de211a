"""
The document of one role: a recovery file, cut to what the role's job does, with the secrets that it names.

The stack stores it where the role can read it (components/role_documents.py), so that the job needs neither
the stack's state nor what decrypts it.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from core.documents import DocumentError, parse_json
from core.failure import Failure
from recovery.recovery_file import RecoveryFile, RecoveryFileModel, Text, describe_problems, list_variables

FORMAT: Final = "bulwark-role-1"
_MAX_BYTES: Final = 64 << 10
"""Limit of a value in AWS Secrets Manager."""

_NEXT_STEP: Final = "deploy the stack, which writes it: ./bulwark up. docs/recovery.md describes it."

Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class RoleDocument(RecoveryFileModel):
    """A role's document."""

    format: Literal["bulwark-role-1"]
    role: Text
    """Name of the role at IAM, after the platform's name and a hyphen."""

    recovery: RecoveryFile
    secrets: Annotated[dict[Variable, str], Field(repr=False)]
    """Variable that the recovery file refers to, or that the job needs -> its value."""

    @model_validator(mode="after")
    def _require_secrets(self) -> Self:
        missing = [name for name in list_variables(self.recovery) if not self.secrets.get(name)]
        if missing:
            raise ValueError(f"lacks the secret {', '.join(missing)}")
        return self


def parse_role_document(text: str, place: str) -> RoleDocument:
    """
    Return the document of a role; `place` is what messages call it.

    Raises:
        Failure: it is none, or of a version that is not known here. No message quotes a value.
    """
    try:
        content: Any = parse_json(text, max_bytes=_MAX_BYTES)
    except DocumentError:
        # Without its reason, which may quote a part of the document.
        raise Failure(f"{place} holds no document of a role: it is no JSON.", _NEXT_STEP) from None
    found = content.get("format") if isinstance(content, dict) else None
    if isinstance(found, str) and found.startswith("bulwark-role-") and found != FORMAT:
        raise Failure(
            f"{place} was written by another version of Bulwark, which is not known here.",
            "run the version that deployed the stack last, or deploy it with this one: ./bulwark up.",
        )
    try:
        return RoleDocument.model_validate_json(text)
    except ValidationError as error:
        problems = describe_problems(error)
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise Failure(f"{place} has {count}:", _NEXT_STEP, "\n".join(problems))
