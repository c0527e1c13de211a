"""
One entry of the waivers' file, and its validation.

It is imported only for a file with entries: pydantic takes a fifth of the pack's start.
"""

from datetime import date
from typing import Annotated, Any, cast

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError


class Waiver(BaseModel):
    """An exception of one rule for one resource. It expires at the end of its last day, UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    resource: Annotated[str, StringConstraints(pattern=r"^urn:pulumi:[^*]+::[^*]+::[^*]+::[^*]+$")]
    """The whole URN. A pattern would also waive violations that nobody has reviewed."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    ticket: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)]
    created: date
    expires: date

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.resource


def parse_entries(text: bytes) -> list[Any] | None:
    """Return the entries of a waivers' file; None if it is not a list."""
    try:
        entries = yaml.safe_load(text) or []
    except yaml.YAMLError:
        return None
    return cast("list[Any]", entries) if isinstance(entries, list) else None


def parse_entry(entry: Any) -> tuple[Waiver | None, list[str]]:
    """Return an entry as a waiver, or None and its problems."""
    try:
        return Waiver.model_validate(entry), []
    except ValidationError as error:
        return None, [
            f"is not valid: {'.'.join(str(step) for step in detail['loc']) or 'entry'}: {_describe(detail)}"
            for detail in error.errors(include_url=False, include_context=False, include_input=False)
        ]


def _describe(detail: Any) -> str:
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is no field of a waiver"
        case _:
            return detail["msg"][0].lower() + detail["msg"][1:]
