"""
Sends requests to a platform's declared addresses, and reads what comes back within limits.

Whatever a server answers is hostile: a body has a size and a time, and nothing follows a redirect.
"""

import ssl
import threading
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from core.failure import Failure
from readiness.shared_result import SharedResult

MAX_BODY_BYTES: Final = 2 << 20
_CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 20.0
"""How long one answer may take until its last byte."""

_CONNECTIONS: Final = 8
_USER_AGENT: Final = "bulwark-ready"


@dataclass(frozen=True)
class HttpAnswer:
    """The answer to one request. A body that is too large is cut, and `is_whole` is then False."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes
    seconds: float
    is_whole: bool = True

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class HttpReader:
    """
    A client of the declared origins, for several threads.

    The same address is asked for once, whoever asks. A thread within `allow` may send so many requests.
    """

    def __init__(
        self,
        origins: Collection[str],
        authorities: ssl.SSLContext,
        *,
        source_address: str | None = None,
        uses_proxies: bool = True,
    ) -> None:
        """
        Open a client.

        Args:
            origins: What may be asked, such as `https://api.example.com`.
            authorities: What its certificates are checked against.
            source_address: The address of this machine that requests come from; None leaves it to the system.
            uses_proxies: Whether the environment's proxies are used.
        """
        self._origins = frozenset(map(_split_origin, origins))
        self._client = httpx.Client(
            transport=None
            if source_address is None
            else httpx.HTTPTransport(
                verify=authorities,
                local_address=source_address,
                limits=httpx.Limits(max_connections=_CONNECTIONS),
            ),
            verify=authorities,
            trust_env=uses_proxies,
            timeout=_CONNECT_SECONDS,
            headers={"user-agent": _USER_AGENT},
            limits=httpx.Limits(max_connections=_CONNECTIONS),
        )
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, tuple[tuple[str, str], ...]], SharedResult[HttpAnswer]] = {}
        self._budget = threading.local()
        self.requests = 0
        """How many were sent."""

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def allow(self, count: int) -> Generator[None]:
        """Let this thread `send` so many requests while the block runs."""
        self._budget.left = count
        try:
            yield
        finally:
            self._budget.left = 0

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> HttpAnswer:
        """
        Return the answer to GET, from an earlier request where there was one.

        Raises:
            Failure: there is no answer.
        """
        key = url, tuple(sorted((headers or {}).items()))
        with self._lock:
            shared = self._asked.setdefault(key, SharedResult(lambda: self._exchange("GET", url, headers)))
        return shared.result()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> HttpAnswer:
        """
        Send a request, and return the answer.

        Raises:
            Failure: there is no answer, or the thread may send no more.
        """
        left = getattr(self._budget, "left", 0)
        if left <= 0:
            raise Failure("The check would have sent more requests than it states.", "report it as a defect.")
        self._budget.left = left - 1
        return self._exchange(method, url, headers, body)

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes | None = None
    ) -> HttpAnswer:
        if _split_origin(url) not in self._origins:
            raise Failure(f"{url} is none of the declared addresses.", "declare it in bulwark:services.")
        with self._lock:
            self.requests += 1
        begin, content, is_whole = time.monotonic(), bytearray(), True
        try:
            with self._client.stream(method, url, headers=dict(headers or {}), content=body) as answer:
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > MAX_BODY_BYTES:
                        is_whole = False
                        break
                    if time.monotonic() - begin > _ANSWER_SECONDS:
                        raise httpx.ReadTimeout("the answer goes on and on")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Failure(
                f"{url} gave no answer: {str(error)[:200] or type(error).__name__}.",
                "see whether the service runs, and run this again.",
            ) from error
        return HttpAnswer(
            url,
            answer.status_code,
            answer.headers,
            bytes(content[:MAX_BODY_BYTES]),
            time.monotonic() - begin,
            is_whole,
        )


def _split_origin(url: str) -> tuple[str, str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    return parts.scheme, parts.hostname or "", port or {"https": 443, "http": 80}.get(parts.scheme, -1)
