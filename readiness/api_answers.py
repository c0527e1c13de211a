"""What an API answers of its health and its version, read as a document of others."""

from typing import Any, cast

from core.documents import DocumentError, parse_json
from readiness.http_reader import HttpAnswer


def parse_answer(answer: HttpAnswer) -> dict[str, Any] | None:
    """Return the JSON object of an answer; None if it is none."""
    try:
        parsed = parse_json(answer.body)
    except DocumentError:
        return None
    return cast("dict[str, Any]", parsed) if isinstance(parsed, dict) else None
