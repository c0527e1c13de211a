"""
One entry of the waivers' file, and its validation.

It is imported only for a file with entries: pydantic takes a fifth of the pack's start.
"""

from datetime import date
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from core.documents import DocumentError, parse_yaml
from core.text import printable


def _parse_day(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a day such as 2026-01-31") from None


Day = Annotated[date, BeforeValidator(_parse_day)]


class Waiver(BaseModel):
    """An exception of one rule for one resource. It expires at the end of its last day, UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    rule: str
    resource: Annotated[str, StringConstraints(pattern=r"^urn:pulumi:[^*]+::[^*]+::[^*]+::[^*]+$")]
    """The whole URN. A pattern would also waive violations that nobody has reviewed."""

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    ticket: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)]
    created: Day
    expires: Day

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.resource


def parse_entries(text: bytes) -> list[Any] | None:
    """Return the entries of a waivers' file; None if it is not a list."""
    try:
        entries = parse_yaml(text)
    except DocumentError:
        return None
    if entries is None:
        return []
    return cast("list[Any]", entries) if isinstance(entries, list) else None


def parse_entry(entry: Any) -> tuple[Waiver | None, list[str]]:
    """Return an entry as a waiver, or None and its problems."""
    try:
        return Waiver.model_validate(entry), []
    except ValidationError as error:
        return None, [
            f"is not valid: {_path(detail)}: {_describe(detail)}"
            for detail in error.errors(include_url=False, include_context=False, include_input=False)
        ]


def _path(detail: Any) -> str:
    return printable(".".join(str(step) for step in detail["loc"]))[:100] or "entry"


def _describe(detail: Any) -> str:
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is no field of a waiver"
        case _:
            return detail["msg"][0].lower() + detail["msg"][1:]
