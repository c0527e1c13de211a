"""Deliver alerts over HTTP: a restart neither loses nor repeats one, and no log entry holds a secret."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
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
"""The number of the delivery. A repeated delivery has the same number, so the receiver can drop it."""

_INTEGRATIONS = ("pagerduty", "serviceIntegration")
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


class _DeliveryError(Exception):
    """The receiver did not accept the request; `permanent` if trying again can't help."""

    def __init__(self, detail: str, *, permanent: bool = False) -> None:
        super().__init__(detail)
        self.detail = detail
        self.permanent = permanent


class WebhookSender:
    """
    Sends webhooks: durable from `enqueue` on, retried with back-off, then recorded in the log "deliveries".

    An entry has `source`, `kind`, `contact`, `event`, fields of the caller (never a URL or key), and
    `outcome` (delivered, failed, undeliverable), `detail`, `attempts`.
    """

    def __init__(self, store: VendorStore, time_scale: TimeScale, vendors_url: str) -> None:
        """`vendors_url` serves the inbox, whose channels stand for mail and the like, and PagerDuty."""
        self._store = store
        self._time_scale = time_scale
        self._vendors_url = vendors_url
        self._pool = WorkerPool("delivery", size=_WORKERS)

    @cached_property
    def _client(self) -> httpx.Client:
        """The client of all deliveries: each new one would read every certificate authority, for 25 ms."""
        # A receiver may close a connection that is kept, so none is.
        return httpx.Client(
            trust_env=False, timeout=_TIMEOUT_SECONDS, limits=httpx.Limits(max_keepalive_connections=0)
        )

    def inbox_post(self, channel: str, content: Any) -> Post:
        """Return the POST of `content` to a channel of the twin's inbox."""
        return Post(f"{self._vendors_url}/inbox/{quote(channel, safe='')}", json=content)

    def page_post(self, channel: str, key: str, event: dict[str, Any]) -> Post:
        """
        Return the POST of an event to PagerDuty's Events API v2, with the key of a service's integration.

        A key that no integration at the twin's PagerDuty has is of another account: the inbox's channel
        `pagerduty:<channel>` then stands for that, and does not show the key.
        """
        if any(one["integrationKey"] == key for one in self._store.list(*_INTEGRATIONS).values()):
            return Post(f"{self._vendors_url}/pagerduty/v2/enqueue", json={**event, "routing_key": key})
        return self.inbox_post(f"pagerduty:{channel}", {**event, "routing_key": "(withheld by the twin)"})

    def enqueue(self, post: Post | str, entry: dict[str, Any]) -> None:
        """Deliver after the current transaction. A string instead of a POST says why that is impossible."""
        if isinstance(post, str):
            self._record({**entry, "outcome": "undeliverable", "detail": post, "attempts": 0})
            return
        number = str(self._store.next_number("twin"))
        self._store.insert("twin", "outbox", number, {"post": asdict(post), "entry": entry})

    def deliver_pending(self) -> None:
        """Start the delivery of everything that waits, including what an earlier process left."""
        for number, item in self._store.list("twin", "outbox").items():
            post, entry = Post(**item["post"]), item["entry"]
            self._pool.submit(number, partial(self._deliver, number, post, entry))

    def stop(self) -> None:
        """Stop. What is not delivered within two seconds is left to the next process."""
        self._pool.stop()

    def _deliver(self, number: str, post: Post, entry: dict[str, Any]) -> None:
        attempts = Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential_jitter(
                multiplier=self._time_scale.scale_seconds(_FIRST_WAIT_SECONDS),
                jitter=self._time_scale.scale_seconds(1),
            ),
            retry=retry_if_exception(lambda error: isinstance(error, _DeliveryError) and not error.permanent),
            sleep=sleep_using_event(self._pool.stopping),
            reraise=True,
        )
        outcome = "delivered"
        try:
            detail = attempts(_send, self._client, post, number)
        except _DeliveryError as error:
            if self._pool.stopping.is_set() and not error.permanent:
                return  # the next process tries again
            outcome, detail = "failed", error.detail
        attempt_count = attempts.statistics.get("attempt_number", 1)
        with self._store.transaction():
            self._store.remove("twin", "outbox", number)
            self._record({**entry, "outcome": outcome, "detail": detail, "attempts": attempt_count})

    def _record(self, entry: dict[str, Any]) -> None:
        self._store.append_log(DELIVERIES, entry)
        self._store.prune_log(DELIVERIES, _KEPT)
        _log.info("alert", alert=entry["event"], contact=entry["contact"], outcome=entry["outcome"])


def _send(client: httpx.Client, post: Post, number: str) -> str:
    try:
        response = client.post(
            httpx.URL(post.url).copy_merge_params(post.query),
            json=post.json,
            data=post.form,
            headers={**post.headers, DELIVERY_HEADER: number},
        )
    except httpx.TransportError as error:
        raise _DeliveryError(type(error).__name__) from error
    except Exception as error:  # noqa: BLE001 - an invalid address, which the error's text may hold
        raise _DeliveryError(f"the address cannot be used ({type(error).__name__})", permanent=True) from None
    if response.is_success:
        return f"HTTP {response.status_code}"
    temporary = response.status_code == 429 or response.is_server_error
    raise _DeliveryError(f"HTTP {response.status_code}", permanent=not temporary)


def join_parts(parts: Iterable[str]) -> str:
    """Join the non-empty parts into one line of an alert's text."""
    return " - ".join(part for part in parts if part)
