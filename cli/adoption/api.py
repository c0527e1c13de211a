"""Reads a vendor's HTTP API, and says what is wrong where it does not answer."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from components.secrets import variable
from components.settings import PROJECT
from core.failure import Failure
from engine.vendor_errors import VendorInfo

_ATTEMPTS: Final = 4
_PAUSE_SECONDS: Final = 10.0
"""Where a vendor that counts requests does not say how long."""
_LONGEST_PAUSE_SECONDS: Final = 120.0
_SAID_CHARACTERS: Final = 200

_Shape = TypeVar("_Shape", bound=BaseModel)
Following = Callable[[httpx.Response, _Shape], Mapping[str, str] | None]
"""The query that asks for the page behind this one; None behind the last."""


class Api:
    """
    One vendor's API as the key's owner sees it; reads, and never writes.

    Its methods raise Failure: for a key that is missing or not accepted, an answer that is none, a vendor
    that fails or can't be reached. `scope` names the setting that a list depends on, such as an organization.
    """

    def __init__(self, vendor: VendorInfo, client: httpx.Client, key: str, *, scope: str = "") -> None:
        self._vendor, self._client, self._key, self._scope = vendor, client, key.strip(), scope

    @property
    def title(self) -> str:
        return self._vendor.title

    def get(self, shape: type[_Shape], path: str, **query: str) -> _Shape | None:
        """Return what is at the path, None where nothing is."""
        answer = self._answer(path, query)
        return None if answer.status_code == HTTPStatus.NOT_FOUND else self._read(shape, answer)

    def pages(
        self, shape: type[_Shape], path: str, following: Following[_Shape], **query: str
    ) -> Generator[_Shape]:
        """Yield each page of a list."""
        asked: Mapping[str, str] | None = query
        while asked is not None:
            answer = self._answer(path, asked)
            if answer.status_code == HTTPStatus.NOT_FOUND:
                raise Failure(
                    f"{self.title} has no such list for this key: {self._said(answer)} (HTTP 404).",
                    f"check {self._scope or 'the key'}, and whose key it is.",
                )
            page = self._read(shape, answer)
            yield page
            further = following(answer, page)
            asked = {**query, **further} if further else None

    def _answer(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        """Return an answer that is good, or a 404."""
        if not self._key:
            raise Failure(
                f"There is no key for {self.title}: the secret {self._vendor.secret} is missing.",
                self._setting_the_key(),
            )
        if not (self._key.isascii() and self._key.isprintable()):
            raise Failure(f"The key for {self.title} has letters that no key has.", self._setting_the_key())
        with self._reached():
            answer = self._asked(path, query)
        match answer.status_code:
            case HTTPStatus.OK | HTTPStatus.NOT_FOUND:
                return answer
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                cause = f"{self.title} does not accept the key"
                next_step = f"look at {self._vendor.keys} what it may do, and {self._setting_the_key()}"
            case HTTPStatus.TOO_MANY_REQUESTS:
                cause = f"{self.title} takes no more requests for now"
                next_step = "wait some minutes and run this again."
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                cause = f"{self.title} fails"
                next_step = f"see {self._vendor.status}, and run this again."
            case _:
                cause = f"{self.title} refuses to tell"
                next_step = f"check {self._scope or 'the key'}, and run this again."
        raise Failure(f"{cause}: {self._said(answer)} (HTTP {answer.status_code}).", next_step)

    def _asked(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        """Ask, and again where the vendor wants to be asked later."""
        again = Retrying(
            retry=retry_if_result(lambda answer: answer.status_code == HTTPStatus.TOO_MANY_REQUESTS),
            wait=_pause,
            stop=stop_after_attempt(_ATTEMPTS),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}
        return again(self._client.get, path, params=query, headers=headers)

    @contextmanager
    def _reached(self) -> Generator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Failure(
                f"{self.title} can't be reached: {reason.replace(self._key, '[secret]')}.",
                f"see {self._vendor.status}, the network and the proxy (HTTPS_PROXY), and run this again.",
            ) from None

    def _read(self, shape: type[_Shape], answer: httpx.Response) -> _Shape:
        try:
            return shape.model_validate_json(answer.content)
        except ValidationError:
            raise Failure(
                f"{self.title} answers {answer.request.url.path} in a way that is not its API's.",
                f"see whether a proxy is in between, and {self._vendor.status}; run this again.",
            ) from None

    def _said(self, answer: httpx.Response) -> str:
        """Return the vendor's own words, in one line."""
        try:
            told = answer.json()
        except ValueError:
            told = None
        words = (told.get("message") or told.get("detail")) if isinstance(told, dict) else None
        line = " ".join(str(words or answer.reason_phrase).split()).replace(self._key, "[secret]")
        return line[:_SAID_CHARACTERS].rstrip(".")

    def _setting_the_key(self) -> str:
        secret = self._vendor.secret
        return f"type `pulumi config set --secret {PROJECT}:{secret}`, or set {variable(secret)}."


def pause_seconds(asked_for: str | None, now: datetime) -> float:
    """Return how long a `Retry-After` wants us to wait: seconds, or until a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(asked_for or _PAUSE_SECONDS)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(asked_for or "") - now).total_seconds()
        except (ValueError, TypeError):
            seconds = _PAUSE_SECONDS
    return min(max(seconds, 0.0), _LONGEST_PAUSE_SECONDS)


def _pause(state: RetryCallState) -> float:
    answer: httpx.Response | None = state.outcome.result() if state.outcome else None
    return pause_seconds(answer.headers.get("Retry-After") if answer else None, datetime.now(UTC))
