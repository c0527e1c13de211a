"""Parse the envelopes of Sentry's SDKs, and turn their error events into occurrences of issues."""

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
    """The body violates the protocol. `status` is the HTTP status of the response."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class EnvelopeItem:
    type: str
    payload: bytes


def decompress(body: bytes, encoding: str) -> bytes:
    """Decode the Content-Encoding, up to EXPANDED_LIMIT_BYTES. Raises EnvelopeError."""
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip":
            window = zlib.MAX_WBITS | 16
        case "deflate":
            window = zlib.MAX_WBITS
        case other:
            raise EnvelopeError(
                415, f"The twin cannot read the Content-Encoding {other}, only gzip and deflate."
            )
    decoder = zlib.decompressobj(window)
    try:
        result = decoder.decompress(body, EXPANDED_LIMIT_BYTES)
    except zlib.error as error:
        raise EnvelopeError(400, f"The body is not valid {encoding}.") from error
    if decoder.unconsumed_tail:
        raise EnvelopeError(413, "The body is too large once expanded.")
    return result


def parse_envelope(body: bytes) -> tuple[dict[str, Any], list[EnvelopeItem]]:
    """Split an envelope into its header and items. Raises EnvelopeError."""
    line, rest = _split_line(body)
    header = _parse_header(line)
    items: list[EnvelopeItem] = []
    while rest.strip(b"\n"):
        line, rest = _split_line(rest.lstrip(b"\n"))
        item = _parse_header(line)
        length = item.get("length")
        if length is None:
            payload, rest = _split_line(rest)
        else:
            if not isinstance(length, int) or not 0 <= length <= len(rest):
                raise EnvelopeError(400, "An item's length exceeds the envelope.")
            payload, rest = rest[:length], rest[length:]
        items.append(EnvelopeItem(str(item.get("type")), payload))
    return header, items


def to_occurrence(event: Mapping[str, Any], project_id: str) -> Occurrence:
    """Return the occurrence of an error event."""
    exception = _last_exception(event)
    logentry = event.get("logentry") or {}
    text = event.get("message") or logentry.get("formatted") or logentry.get("message") or ""
    message = text if isinstance(text, str) else str(text.get("formatted") or text.get("message") or "")
    title = _title(exception) if exception else message.partition("\n")[0][:200] or "<unlabeled event>"
    user = event.get("user") or {}
    return Occurrence(
        project_id=project_id,
        type="error",
        fingerprint=_fingerprint(event, exception, str(logentry.get("message") or message)),
        level=str(event.get("level") or "error"),
        title=title,
        message="" if message == title else message,
        culprit=str(event.get("transaction") or (exception and _frame_location(exception)) or ""),
        environment=str(event.get("environment") or "production"),
        release=str(event.get("release") or ""),
        user=next((str(user[key]) for key in ("id", "email", "username", "ip_address") if user.get(key)), ""),
        tags=_tags(event),
        attributes=_attributes(event, message),
        **({"event_id": str(event["event_id"])} if event.get("event_id") else {}),
    )


def _fingerprint(
    event: Mapping[str, Any], exception: Mapping[str, Any] | None, template: str
) -> tuple[str, ...]:
    """Return the SDK's fingerprint, else exception type, value and topmost in-app frame, else the message."""
    if exception:
        value = _VARIABLE_PART.sub("<n>", str(exception.get("value") or ""))
        default = (str(exception.get("type")), value, _frame_location(exception))
    else:
        default = (_VARIABLE_PART.sub("<n>", template), str(event.get("logger") or ""))
    fingerprint = event.get("fingerprint") or ["{{ default }}"]
    parts: list[str] = []
    for part in fingerprint:
        parts.extend(default if str(part).replace(" ", "") == "{{default}}" else (str(part),))
    return tuple(parts)


def _last_exception(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the reported exception; in the event, its causes precede it."""
    container = event.get("exception") or {}
    values = container.get("values") if isinstance(container, dict) else container
    return values[-1] if values else None


def _title(exception: Mapping[str, Any]) -> str:
    value = str(exception.get("value") or "").partition("\n")[0][:200]
    return f"{exception.get('type')}: {value}" if value else str(exception.get("type"))


def _frame_location(exception: Mapping[str, Any]) -> str:
    frames = (exception.get("stacktrace") or {}).get("frames") or []
    frame = next((frame for frame in reversed(frames) if frame.get("in_app")), frames[-1] if frames else {})
    module = frame.get("module") or frame.get("filename") or ""
    return f"{module} in {frame['function']}" if frame.get("function") else str(module)


def _tags(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the event's tags and those that Sentry derives from the event."""
    sent = event.get("tags") or {}
    pairs = sent.items() if isinstance(sent, dict) else [pair for pair in sent if pair]
    derived = {
        key: event.get(key) for key in ("environment", "release", "server_name", "transaction", "logger")
    }
    tags = {"level": event.get("level") or "error", **derived, **dict(pairs)}
    return {str(key): str(value) for key, value in tags.items() if value}


def _attributes(event: Mapping[str, Any], message: str) -> dict[str, list[str]]:
    """Return the attributes that the condition eventAttribute can test, in lower case."""
    container = event.get("exception") or {}
    exceptions = (container.get("values") if isinstance(container, dict) else container) or []
    user, request = event.get("user") or {}, event.get("request") or {}
    attributes = {
        "message": [message],
        "platform": [event.get("platform")],
        "environment": [event.get("environment") or "production"],
        "type": ["error"],
        "exception.type": [exception.get("type") for exception in exceptions],
        "exception.value": [exception.get("value") for exception in exceptions],
        "user.id": [user.get("id")],
        "user.email": [user.get("email")],
        "user.username": [user.get("username")],
        "user.ip_address": [user.get("ip_address")],
        "http.method": [request.get("method")],
        "http.url": [request.get("url")],
        "error.unhandled": [
            (exception.get("mechanism") or {}).get("handled") is False for exception in exceptions
        ],
    }
    return {
        name: [str(value).lower() for value in values if value is not None]
        for name, values in attributes.items()
    }


def _split_line(content: bytes) -> tuple[bytes, bytes]:
    line, _, rest = content.partition(b"\n")
    return line, rest


def _parse_header(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except ValueError as error:
        raise EnvelopeError(400, "A header of the envelope is not JSON.") from error
    if not isinstance(content, dict):
        raise EnvelopeError(400, "A header of the envelope is not a JSON object.")
    return content
