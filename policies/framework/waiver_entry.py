"""
One entry of a file of reviewed exceptions, such as the waivers' file, and its validation.

It is imported only for a file with entries: pydantic takes a fifth of the pack's start.
"""

from datetime import date, timedelta
from typing import Annotated, Any, TypeVar, cast

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


class ReviewedException(BaseModel):
    """An exception that someone has reviewed. It expires at the end of its last day, UTC."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=20)]
    owner: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    ticket: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2)]
    created: Day
    expires: Day

    def check_term(self, today: date, longest: timedelta) -> list[str]:
        """Return what is wrong with its days."""
        complaints: list[str] = []
        if self.created > today:
            complaints.append(f"was created on {self.created}, which is yet to come")
        if self.expires - self.created > longest:
            complaints.append(f"lasts longer than {longest.days} days")
        if self.expires < today:
            complaints.append(f"expired on {self.expires}")
        return complaints


WaivedFinding = tuple[str, str, str]
"""Rule, URN, and the setting that is looser than its default, else ""."""


class Waiver(ReviewedException):
    """An exception of one rule for one resource."""

    rule: str
    resource: Annotated[str, StringConstraints(pattern=r"^urn:pulumi:[^*]+::[^*]+::[^*]+::[^*]+$")]
    """The whole URN. A pattern would also waive violations that nobody has reviewed."""

    setting: str = ""
    """For settings-only-tighten: the looser setting, as its finding writes it."""

    @property
    def key(self) -> WaivedFinding:
        return self.rule, self.resource, self.setting


_Exception = TypeVar("_Exception", bound=ReviewedException)


def parse_entries(text: bytes) -> list[Any] | None:
    """Return the entries of a file; None if it is not a list."""
    try:
        entries = parse_yaml(text)
    except DocumentError:
        return None
    if entries is None:
        return []
    return cast("list[Any]", entries) if isinstance(entries, list) else None


def parse_entry(entry: Any, kind: type[_Exception]) -> tuple[_Exception | None, list[str]]:
    """Return an entry as an exception of this kind, or None and its problems."""
    try:
        return kind.model_validate(entry), []
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
            return "is no field of an entry"
        case _:
            return detail["msg"][0].lower() + detail["msg"][1:]
