"""Read what a Sentry SDK sends: envelopes, their items, and how an event is grouped."""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twin.sentry.issues import Occurrence

COMPRESSED_LIMIT_BYTES = 20 * 1024 * 1024
EXPANDED_LIMIT_BYTES = 100 * 1024 * 1024
"""Below Sentry's documented envelope limits."""

_VARIABLE_PART = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d+")


class EnvelopeError(Exception):
    """The body is not what the protocol says. `status` is the HTTP code to answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class EnvelopeItem:
    type: str
    payload: bytes


def expanded(body: bytes, encoding: str) -> bytes:
    """Undo the Content-Encoding, within bounds. Raises EnvelopeError."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            window = zlib.MAX_WBITS | 16
        case "deflate":
            window = zlib.MAX_WBITS
        case other:
            raise EnvelopeError(
                415, f"The twin cannot read the Content-Encoding {other}; gzip and deflate it can."
            )
    decoder = zlib.decompressobj(window)
    try:
        result = decoder.decompress(body, EXPANDED_LIMIT_BYTES)
    except zlib.error as error:
        raise EnvelopeError(400, f"The body is no valid {encoding}.") from error
    if decoder.unconsumed_tail:
        raise EnvelopeError(413, "The body is too large once expanded.")
    return result


def parsed(body: bytes) -> tuple[dict[str, Any], list[EnvelopeItem]]:
    """Split an envelope into its header and items. Raises EnvelopeError."""
    line, rest = _line(body)
    header = _object(line)
    items: list[EnvelopeItem] = []
    while rest.strip(b"\n"):
        line, rest = _line(rest.lstrip(b"\n"))
        item = _object(line)
        length = item.get("length")
        if length is None:
            payload, rest = _line(rest)
        else:
            if not isinstance(length, int) or not 0 <= length <= len(rest):
                raise EnvelopeError(400, "An item's length exceeds the envelope.")
            payload, rest = rest[:length], rest[length:]
        items.append(EnvelopeItem(str(item.get("type")), payload))
    return header, items


def occurrence(event: Mapping[str, Any], project_id: str) -> Occurrence:
    """Digest an error event."""
    failure = _last_exception(event)
    logentry = event.get("logentry") or {}
    spoken = event.get("message") or logentry.get("formatted") or logentry.get("message") or ""
    message = (
        spoken if isinstance(spoken, str) else str(spoken.get("formatted") or spoken.get("message") or "")
    )
    title = _title(failure) if failure else message.partition("\n")[0][:200] or "<unlabeled event>"
    user = event.get("user") or {}
    return Occurrence(
        project_id=project_id,
        type="error",
        fingerprint=_fingerprint(event, failure, str(logentry.get("message") or message)),
        level=str(event.get("level") or "error"),
        title=title,
        message="" if message == title else message,
        culprit=str(event.get("transaction") or (failure and _where(failure)) or ""),
        environment=str(event.get("environment") or "production"),
        release=str(event.get("release") or ""),
        user=next((str(user[key]) for key in ("id", "email", "username", "ip_address") if user.get(key)), ""),
        tags=_tags(event),
        attributes=_attributes(event, message),
        **({"event_id": str(event["event_id"])} if event.get("event_id") else {}),
    )


def _fingerprint(
    event: Mapping[str, Any], failure: Mapping[str, Any] | None, template: str
) -> tuple[str, ...]:
    """Group by the SDK's fingerprint, else exception type, value and topmost own frame, else message."""
    if failure:
        value = _VARIABLE_PART.sub("<n>", str(failure.get("value") or ""))
        default = (str(failure.get("type")), value, _where(failure))
    else:
        default = (_VARIABLE_PART.sub("<n>", template), str(event.get("logger") or ""))
    given = event.get("fingerprint") or ["{{ default }}"]
    parts: list[str] = []
    for part in given:
        parts.extend(default if str(part).replace(" ", "") == "{{default}}" else (str(part),))
    return tuple(parts)


def _last_exception(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the exception that was reported; those that caused it come before it."""
    exception = event.get("exception") or {}
    values = exception.get("values") if isinstance(exception, dict) else exception
    return values[-1] if values else None


def _title(failure: Mapping[str, Any]) -> str:
    value = str(failure.get("value") or "").partition("\n")[0][:200]
    return f"{failure.get('type')}: {value}" if value else str(failure.get("type"))


def _where(failure: Mapping[str, Any]) -> str:
    frames = (failure.get("stacktrace") or {}).get("frames") or []
    frame = next((frame for frame in reversed(frames) if frame.get("in_app")), frames[-1] if frames else {})
    place = frame.get("module") or frame.get("filename") or ""
    return f"{place} in {frame['function']}" if frame.get("function") else str(place)


def _tags(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the event's tags and those that Sentry derives."""
    given = event.get("tags") or {}
    pairs = given.items() if isinstance(given, dict) else [pair for pair in given if pair]
    derived = {
        key: event.get(key) for key in ("environment", "release", "server_name", "transaction", "logger")
    }
    tags = {"level": event.get("level") or "error", **derived, **dict(pairs)}
    return {str(key): str(value) for key, value in tags.items() if value}


def _attributes(event: Mapping[str, Any], message: str) -> dict[str, list[str]]:
    """Return what the condition eventAttribute can be evaluated for."""
    exception = event.get("exception") or {}
    failures = (exception.get("values") if isinstance(exception, dict) else exception) or []
    user, request = event.get("user") or {}, event.get("request") or {}
    found = {
        "message": [message],
        "platform": [event.get("platform")],
        "environment": [event.get("environment") or "production"],
        "type": ["error"],
        "exception.type": [failure.get("type") for failure in failures],
        "exception.value": [failure.get("value") for failure in failures],
        "user.id": [user.get("id")],
        "user.email": [user.get("email")],
        "user.username": [user.get("username")],
        "user.ip_address": [user.get("ip_address")],
        "http.method": [request.get("method")],
        "http.url": [request.get("url")],
        "error.unhandled": [(failure.get("mechanism") or {}).get("handled") is False for failure in failures],
    }
    return {
        name: [str(value).lower() for value in values if value is not None] for name, values in found.items()
    }


def _line(content: bytes) -> tuple[bytes, bytes]:
    line, _, rest = content.partition(b"\n")
    return line, rest


def _object(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise EnvelopeError(400, "A header of the envelope is no JSON.") from error
    if not isinstance(content, dict):
        raise EnvelopeError(400, "A header of the envelope is no JSON object.")
    return content
