"""
The slug of a cron monitor at Sentry, which is part of the address of its check-ins.

Sentry makes it from the monitor's name, but another one if it is taken, and keeps it when the name changes.
Sentry's provider does not tell it (jianyuan/sentry 0.15.4, resource_cron_monitor.go).
"""

import asyncio
import ipaddress
import os
import time
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pulumi

from core.documents import DocumentError, parse_json

_ADDRESS: Final = ("SENTRY_BASE_URL", "https://sentry.io/api/")
"""Variable by which Sentry's provider finds another address, and its own."""

_TOKEN: Final = "SENTRY_AUTH_TOKEN"  # noqa: S105 - the name of a variable
_ATTEMPTS: Final = 3
_TIMEOUT_SECONDS: Final = 30
_MOST_BYTES: Final = 1024 * 1024


async def find_slug(organization: str, monitor: str) -> str:
    """
    Return the slug of a monitor, by its id.

    Raises:
        pulumi.RunError: Sentry does not tell it.
    """
    return await asyncio.to_thread(_find_slug, organization, monitor)


def _find_slug(organization: str, monitor: str) -> str:
    token = os.environ.get(_TOKEN, "")
    variable, default = _ADDRESS
    address = f"{os.environ.get(variable) or default}0/organizations/{organization}/detectors/{monitor}/"
    request = Request(address, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - the setting of the provider
    # As the providers do it: nothing on this machine is behind a proxy.
    opener = build_opener(*([ProxyHandler({})] if _is_here(address) else []))
    reason = ""
    for attempt in range(_ATTEMPTS):
        time.sleep(attempt)
        try:
            with opener.open(request, timeout=_TIMEOUT_SECONDS) as answer:
                return _read_slug(answer.read(_MOST_BYTES).decode())
        except HTTPError as error:
            reason = f"HTTP {error.code}"
        except (OSError, HTTPException) as error:
            reason = type(error).__name__
        except (DocumentError, KeyError, IndexError, TypeError, ValueError):
            reason = "its answer is not that of its API"
    raise pulumi.RunError(
        f"Sentry does not tell the slug of the cron monitor {monitor} ({reason}), which is in the address of "
        "its check-ins; run the same command again."
    )


def _read_slug(text: str) -> str:
    (source,) = parse_json(text)["dataSources"]
    slug: Any = source["queryObj"]["slug"]
    if not isinstance(slug, str) or not slug:
        raise TypeError
    return slug


def _is_here(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
