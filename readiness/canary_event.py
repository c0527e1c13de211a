"""Sends one error to a project at Sentry, as a program's SDK would (develop.sentry.dev/sdk, "Envelopes")."""

import json
import time
import uuid
from urllib.parse import urlsplit

import httpx

from core.failure import Failure

_SECONDS = 10.0


def send_canary(dsn: str, *, environment: str, uses_proxies: bool) -> str:
    """
    Send an error, and return its title, which no other one has.

    Args:
        dsn: The address of the project's intake, with the public key.
        environment: The environment that it is said to be of.
        uses_proxies: Whether the environment's proxies are used.

    Raises:
        Failure: the intake does not take it.
    """
    event, parts = uuid.uuid4().hex, urlsplit(dsn)
    title = f"Canary of bulwark ready {event[:12]}"
    content = {
        "event_id": event,
        "timestamp": time.time(),
        "platform": "other",
        "level": "error",
        "environment": environment,
        "logger": "bulwark-ready",
        "message": {"formatted": title},
        "fingerprint": [event],
    }
    authorization = f"Sentry sentry_version=7, sentry_client=bulwark/1, sentry_key={parts.username}"
    envelope = "\n".join(json.dumps(part) for part in ({"event_id": event}, {"type": "event"}, content))
    host = parts.netloc.rpartition("@")[2]
    folder, _, project = parts.path.rpartition("/")
    try:
        answer = httpx.post(
            f"{parts.scheme}://{host}{folder}/api/{project}/envelope/",
            content=envelope,
            headers={
                "Content-Type": "application/x-sentry-envelope",
                "X-Sentry-Auth": authorization,
            },
            timeout=_SECONDS,
            trust_env=uses_proxies,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Failure(
            f"Sentry's intake at {host} gave no answer ({type(error).__name__}).",
            "see status.sentry.io and the network, and run this again.",
        ) from None
    if not answer.is_success:
        raise Failure(
            f"Sentry's intake at {host} refuses the error (HTTP {answer.status_code}).",
            "see the project's key, its rate limit and the organization's quota.",
        )
    return title
