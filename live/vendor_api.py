"""Calls a vendor's HTTP API, and explains its errors."""

import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Literal, TypeVar

import httpx
from pydantic import BaseModel, RootModel, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_attempt

from core.failure import Failure
from engine.vendor_errors import VendorInfo

_ATTEMPTS: Final = 4
_PAUSE_SECONDS: Final = 10.0
"""Pause after HTTP 429 without a Retry-After."""
_LONGEST_PAUSE_SECONDS: Final = 120.0
_LOCKED_SECONDS: Final = 60.0
_LOCKED_PAUSE_SECONDS: Final = 1.0
_ANSWERED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.LOCKED)
_MESSAGE_CHARACTERS: Final = 200

_Shape = TypeVar("_Shape", bound=BaseModel)
_Member = TypeVar("_Member", bound=BaseModel)
NextPage = Callable[[httpx.Response, _Shape], Mapping[str, str] | None]
"""Returns the query of the page after this one; None after the last."""


class VendorList(RootModel[list[_Member]], defer_build=True):
    """A list that is not a member of an object."""


class Api:
    """
    Reads one vendor's API with one key, and never writes.

    Its methods raise Failure: the key is missing or not accepted, the vendor fails or can't be reached, or
    its answer can't be read. `scope` names the setting that a list depends on, such as an organization.
    """

    def __init__(self, vendor: VendorInfo, client: httpx.Client, key: str, *, scope: str = "") -> None:
        self._vendor, self._client, self._key, self._scope = vendor, client, key.strip(), scope

    @property
    def title(self) -> str:
        return self._vendor.title

    def get(self, shape: type[_Shape], path: str, **query: str) -> _Shape | None:
        """Return the object at the path; None if there is none."""
        response = self._request(path, query)
        return None if response.status_code == HTTPStatus.NOT_FOUND else self._parse(shape, response)

    def list_pages(
        self, shape: type[_Shape], path: str, next_page: NextPage[_Shape], **query: str
    ) -> Generator[_Shape]:
        """Yield each page of a list."""
        next_query: Mapping[str, str] | None = query
        while next_query is not None:
            response = self._request(path, next_query)
            if response.status_code == HTTPStatus.NOT_FOUND:
                raise Failure(
                    f"{self.title} has no such list for this key: {self._message_of(response)} (HTTP 404).",
                    f"check {self._scope or 'the key'}, and whose key it is.",
                )
            page = self._parse(shape, response)
            yield page
            further = next_page(response, page)
            next_query = {**query, **further} if further else None

    def _request(
        self,
        path: str,
        query: Mapping[str, str],
        *,
        method: str = "GET",
        body: Any = None,
        expected: Collection[int] = (HTTPStatus.NOT_FOUND,),
    ) -> httpx.Response:
        """Return a response with status 2xx, or an `expected` one."""
        if not self._key:
            raise Failure(
                f"There is no key for {self.title}: {self._vendor.variable} is not set.",
                self._key_step(),
            )
        if not (self._key.isascii() and self._key.isprintable()):
            raise Failure(f"The key for {self.title} has letters that no key has.", self._key_step())
        with self._explain_network_errors():
            response = self._send(method, path, query, body)
        if response.is_success or response.status_code in expected:
            return response
        match response.status_code:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                cause = f"{self.title} does not accept the key"
                next_step = f"look at {self._vendor.keys} what it may do, and {self._key_step()}"
            case HTTPStatus.TOO_MANY_REQUESTS:
                cause = f"{self.title} takes no more requests for now"
                next_step = "wait some minutes and run this again."
            case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                cause = f"{self.title} fails"
                next_step = f"see {self._vendor.status}, and run this again."
            case _:
                cause = f"{self.title} refuses to tell"
                next_step = f"check {self._scope or 'the key'}, and run this again."
        raise Failure(f"{cause}: {self._message_of(response)} (HTTP {response.status_code}).", next_step)

    def _send(self, method: str, path: str, query: Mapping[str, str], body: Any) -> httpx.Response:
        """Send a request, and send it again after a pause where the vendor answers 429."""
        again = Retrying(
            retry=retry_if_result(lambda response: response.status_code == HTTPStatus.TOO_MANY_REQUESTS),
            wait=_pause,
            stop=stop_after_attempt(_ATTEMPTS),
            retry_error_callback=lambda state: state.outcome and state.outcome.result(),
        )
        headers = {"Authorization": f"{self._vendor.scheme}{self._key}", "Accept": "application/json"}
        return again(self._client.request, method, path, params=query, headers=headers, json=body)

    @contextmanager
    def _explain_network_errors(self) -> Generator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Failure(
                f"{self.title} can't be reached: {reason.replace(self._key, '[secret]')}.",
                f"see {self._vendor.status}, the network and the proxy (HTTPS_PROXY), and run this again.",
            ) from None

    def _parse(self, shape: type[_Shape], response: httpx.Response) -> _Shape:
        try:
            return shape.model_validate_json(response.content)
        except ValidationError:
            raise Failure(
                f"{self.title} answers {response.request.url.path} in a way that is not its API's.",
                f"see whether a proxy is in between, and {self._vendor.status}; run this again.",
            ) from None

    def _message_of(self, response: httpx.Response) -> str:
        """Return the vendor's own message in one line."""
        try:
            body = response.json()
        except ValueError:
            body = None
        inner = body.get("error") if isinstance(body, dict) else None  # PagerDuty has one around it
        body = inner if isinstance(inner, dict) else body
        message = (body.get("message") or body.get("detail")) if isinstance(body, dict) else None
        line = " ".join(str(message or response.reason_phrase).split()).replace(self._key, "[secret]")
        return line[:_MESSAGE_CHARACTERS].rstrip(".")

    def _key_step(self) -> str:
        return f"set {self._vendor.variable}."


class WritingApi(Api):
    """
    Reads one vendor's API with one key, and changes what is there.

    A request whose answer is lost is not sent again: whoever sends it looks first whether it is done.
    """

    def change(
        self,
        shape: type[_Shape],
        method: Literal["POST", "PUT", "PATCH", "DELETE"],
        path: str,
        body: Any = None,
    ) -> _Shape:
        """
        Change the object at the path, and return what the vendor answers.

        While another change is at work there (423), it is sent again for a minute.

        Raises:
            Failure: also for 404.
        """
        deadline = time.monotonic() + _LOCKED_SECONDS
        while True:
            response = self._request(path, {}, method=method, body=body, expected=_ANSWERED)
            if response.status_code != HTTPStatus.LOCKED or time.monotonic() > deadline:
                break
            time.sleep(_LOCKED_PAUSE_SECONDS)
        match response.status_code:
            case HTTPStatus.NOT_FOUND:
                cause = f"{self.title} has no such object for this key"
                next_step = f"check {self._scope or 'the key'}, and whose key it is."
            case HTTPStatus.LOCKED:
                cause, next_step = f"{self.title} is at work on it", "wait some minutes and run this again."
            case _:
                return self._parse(shape, response) if response.content else shape()
        raise Failure(f"{cause}: {self._message_of(response)} (HTTP {response.status_code}).", next_step)


def pause_seconds(retry_after: str | None, now: datetime) -> float:
    """Return the pause that a `Retry-After` asks for, as seconds or as a date (RFC 9110, 10.2.3)."""
    try:
        seconds = float(retry_after or _PAUSE_SECONDS)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after or "") - now).total_seconds()
        except (ValueError, TypeError):
            seconds = _PAUSE_SECONDS
    return min(max(seconds, 0.0), _LONGEST_PAUSE_SECONDS)


def _pause(state: RetryCallState) -> float:
    response: httpx.Response | None = state.outcome.result() if state.outcome else None
    return pause_seconds(response.headers.get("Retry-After") if response else None, datetime.now(UTC))
