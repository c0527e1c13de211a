"""The type of a time in a document."""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator

_FIRST: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9000, 1, 1, tzinfo=UTC)


def _parse(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value)  # pydantic would also take a text with Unix time
    except ValueError:
        raise ValueError("must be a time such as 2026-01-31T23:59:59Z") from None


def is_moment(time: datetime) -> bool:
    """Return whether a time with a zone is far enough from the calendar's ends to be computed with."""
    return _FIRST <= time < _LAST


def _require_range(moment: datetime) -> datetime:
    if not is_moment(moment):
        raise ValueError("must be a time after 1970 and before 9000")
    return moment


WrittenTime = Annotated[AwareDatetime, BeforeValidator(_parse)]
"""A time with its zone, written as ISO 8601."""

Moment = Annotated[WrittenTime, AfterValidator(_require_range)]
"""A written time, far enough from the calendar's ends to be computed with."""
