"""Deliver alerts over HTTP: nothing is lost or repeated by a restart, and no record names a secret."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import structlog
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter
from tenacity.nap import sleep_using_event

from twin.host.time_scale import TimeScale
from twin.host.worker_pool import WorkerPool
from twin.vendor.store import VendorStore

DELIVERIES = "deliveries"
DELIVERY_HEADER = "X-Bulwark-Delivery"
"""Carries a number that a repeated delivery repeats, so that the receiver can drop it."""

_KEPT = 2_000
_ATTEMPTS = 4
_FIRST_WAIT_SECONDS = 1.0
_TIMEOUT_SECONDS = 10.0
_WORKERS = 8
_log = structlog.get_logger("delivery")


@dataclass(frozen=True)
class Post:
    """One HTTP POST: a JSON body, a form, or neither. `url` and `headers` may hold secrets."""

    url: str
    json: Any = None
    form: dict[str, str] | None = None
    query: dict[str, str] = field(default_factory=dict[str, str])
    headers: dict[str, str] = field(default_factory=dict[str, str])


class _RefusedError(Exception):
    """The receiver did not take it; `lasting` when trying again cannot help."""

    def __init__(self, detail: str, *, lasting: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.lasting = lasting


class WebhookSender:
    """
    Deliveries that are durable from `enqueue` on, retried with back-off, and then recorded in "deliveries".

    An entry has `source`, `kind`, `contact`, `event`, what the sender adds (never a URL or key), and
    `outcome` (delivered, failed, undeliverable), `detail`, `attempts`.
    """

    def __init__(self, store: VendorStore, pace: TimeScale, sink: str) -> None:
        """`sink` is the address below which the twin receives what a vendor would carry elsewhere."""
        self._store = store
        self._pace = pace
        self._sink = sink
        self._crew = WorkerPool("delivery", size=_WORKERS)

    def sink(self, channel: str, content: Any) -> Post:
        """Return the post that puts `content` into a channel of the twin's own sink."""
        return Post(f"{self._sink}/{quote(channel, safe='')}", json=content)

    def enqueue(self, post: Post | str, entry: dict[str, Any]) -> None:
        """Deliver after the current transaction; a string instead of a post is why it cannot be delivered."""
        if isinstance(post, str):
            self._record({**entry, "outcome": "undeliverable", "detail": post, "attempts": 0})
            return
        number = str(self._store.next_number("twin"))
        self._store.insert("twin", "outbox", number, {"post": asdict(post), "entry": entry})

    def pump(self) -> None:
        """Take up whatever waits, what an earlier process left included."""
        for number, item in self._store.list("twin", "outbox").items():
            post, entry = Post(**item["post"]), item["entry"]
            self._crew.submit(number, partial(self._deliver, number, post, entry))

    def stop(self) -> None:
        """End, leaving what is not delivered in a moment to the next process."""
        self._crew.stop()

    def _deliver(self, number: str, post: Post, entry: dict[str, Any]) -> None:
        attempts = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential_jitter(
                multiplier=self._pace.seconds(_FIRST_WAIT_SECONDS), jitter=self._pace.seconds(1)
            ),
            retry=retry_if_exception(lambda error: isinstance(error, _RefusedError) and not error.lasting),
            sleep=sleep_using_event(self._crew.stopping),
            reraise=True,
        )
        outcome = "delivered"
        try:
            detail = attempts(_send, post, number)
        except _RefusedError as refused:
            if self._crew.stopping.is_set() and not refused.lasting:
                return  # the next process tries again
            outcome, detail = "failed", refused.detail
        made = attempts.statistics.get("attempt_number", 1)
        with self._store.transaction():
            self._store.remove("twin", "outbox", number)
            self._record({**entry, "outcome": outcome, "detail": detail, "attempts": made})

    def _record(self, entry: dict[str, Any]) -> None:
        self._store.record(DELIVERIES, entry)
        self._store.prune(DELIVERIES, _KEPT)
        _log.info("alert", about=entry["event"], to=entry["contact"], outcome=entry["outcome"])


def _send(post: Post, number: str) -> str:
    try:
        response = httpx.post(
            httpx.URL(post.url).copy_merge_params(post.query),
            json=post.json,
            data=post.form,
            headers={**post.headers, DELIVERY_HEADER: number},
            timeout=_TIMEOUT_SECONDS,
            trust_env=False,
        )
    except httpx.TransportError as error:
        raise _RefusedError(type(error).__name__) from error
    except Exception as error:  # noqa: BLE001 - an address that is none, whose error's text may hold it
        raise _RefusedError(f"the address cannot be used ({type(error).__name__})", lasting=True) from None
    if response.is_success:
        return f"HTTP {response.status_code}"
    passing = response.status_code == 429 or response.is_server_error
    raise _RefusedError(f"HTTP {response.status_code}", lasting=not passing)


def joined(parts: Iterable[str]) -> str:
    """Join what is there into one line of an alert's text."""
    return " - ".join(part for part in parts if part)
