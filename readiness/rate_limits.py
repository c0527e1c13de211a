"""Sends requests to an address until it refuses one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from components.settings import RequestLimitSettings
from readiness.http_reader import HttpAnswer
from readiness.live_platform import LivePlatform

TOO_MANY: Final = 429
MARGIN: Final = 1
"""Requests that are sent above the declared number, of which the first has to be refused."""

_BODY: Final = b'{"email":"readiness@example.com","password":"wrong"}'
"""Nobody can sign in with it: example.com is reserved (RFC 2606)."""


@dataclass(frozen=True)
class DeclaredLimit:
    """One limit of one API."""

    name: str
    address: str
    settings: RequestLimitSettings

    @property
    def most_requests(self) -> int:
        return self.settings.requests + MARGIN


def list_limits(platform: LivePlatform) -> Iterator[DeclaredLimit]:
    """Yield the limits that the stack's APIs declare."""
    for name, (service, api) in platform.apis.items():
        for limit, settings in sorted(api.limits.items()):
            yield DeclaredLimit(f"{name}.{limit}", f"{service.url}{settings.path}", settings)


def send_until_refused(
    platform: LivePlatform,
    limit: DeclaredLimit,
    headers_of: Callable[[int], Mapping[str, str]] = lambda _: {},
) -> tuple[int, HttpAnswer | None]:
    """Return how many requests were answered, and the refusal; None if no request was refused."""
    is_post = limit.settings.method == "POST"
    for number in range(limit.most_requests):
        headers = {"content-type": "application/json"} if is_post else {}
        answer = platform.reader.send(
            limit.settings.method,
            limit.address,
            {**headers, **headers_of(number)},
            _BODY if is_post else None,
        )
        if answer.status == TOO_MANY:
            return number, answer
    return limit.most_requests, None
