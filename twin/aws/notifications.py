"""What SNS sends to the endpoints of a topic, from a thread of its own."""

import logging
import queue
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final
from urllib.parse import quote

import httpx

from twin.host.home import TwinHome
from twin.vendor.webhooks import DELIVERY_HEADER

_ATTEMPTS: Final = 3
_TIMEOUT_SECONDS: Final = 10.0
_log = logging.getLogger("aws")


@dataclass(frozen=True)
class Notification:
    """A message to one endpoint, whose address may be a secret."""

    protocol: str
    address: str = field(repr=False)
    body: str = field(repr=False)
    confirms: str = ""
    """ARN of the subscription that whoever takes the message confirms; empty in an alarm."""


class NotificationSender:
    """Sends notifications in their order. What is under way when the service ends is lost."""

    def __init__(self, home: TwinHome) -> None:
        self._inbox = f"http://127.0.0.1:{home.port('vendors')}/inbox"
        self._queue: queue.SimpleQueue[Notification] = queue.SimpleQueue()

    def start(self, on_confirmed: Callable[[str], object]) -> None:
        """Begin to send; `on_confirmed` is called with the ARN of each subscription that is confirmed."""
        threading.Thread(target=self._run, args=(on_confirmed,), name="alarms", daemon=True).start()

    def send(self, notification: Notification) -> None:
        self._queue.put(notification)

    def _run(self, on_confirmed: Callable[[str], object]) -> None:
        while True:
            notification = self._queue.get()
            try:
                self._post(notification)
            except httpx.HTTPError as error:
                _log.warning(
                    "an alarm was not delivered by %s: %s", notification.protocol, type(error).__name__
                )
                continue
            if notification.confirms:
                on_confirmed(notification.confirms)

    @cached_property
    def _client(self) -> httpx.Client:
        """The client of all alarms: each new one would read every certificate authority, for 25 ms."""
        transport = httpx.HTTPTransport(
            retries=_ATTEMPTS, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False
        )
        return httpx.Client(transport=transport, trust_env=False, timeout=_TIMEOUT_SECONDS)

    def _post(self, notification: Notification) -> None:
        """Post to a receiver; the twin's inbox stands for all mailboxes."""
        address = notification.address
        if notification.protocol == "email":
            address = f"{self._inbox}/{quote(f'email:{address}', safe='')}"
        headers = {DELIVERY_HEADER: f"sns-{uuid.uuid4()}", "Content-Type": "text/plain; charset=UTF-8"}
        self._client.post(address, content=notification.body, headers=headers).raise_for_status()
