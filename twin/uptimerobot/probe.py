"""Probe a target once, as an uptime service does: send an HTTP request or open a TCP connection."""

import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx
from cryptography import x509

from twin.host.tls import tls_context

_BODY_LIMIT_BYTES = 1024 * 1024
_USER_AGENT = "Bulwark-twin-prober/1.0"


@dataclass(frozen=True)
class ProbeRequest:
    """The HTTP request to send. `timeout_seconds` bounds the whole exchange, including the body."""

    url: str
    method: str = "GET"
    timeout_seconds: float = 30.0
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: str | None = None
    form: Mapping[str, str] | None = None
    auth: httpx.Auth | None = None
    follow_redirects: bool = False
    verify_certificate: bool = True
    address_family: Literal["", "ipv4Only", "ipv6Only"] = ""


@dataclass(frozen=True)
class ProbeResult:
    """The result of one probe. `problem` is "" for a response; `certificate_end` exists for https only."""

    problem: str = ""
    response_ms: int | None = None
    status: int | None = None
    body: str = ""
    certificate_end: datetime | None = None


def send_http(request: ProbeRequest, authority: Path) -> ProbeResult:
    """Send one HTTP request. A missing or incomplete response is a problem; the caller judges the status."""
    try:
        verify = tls_context(authority) if request.verify_certificate else False
        with httpx.Client(transport=_transport(request, verify), trust_env=False) as client:
            return _exchange(client, request)
    except httpx.TimeoutException:
        return ProbeResult(f"no answer in {request.timeout_seconds:g} s")
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return ProbeResult(str(error) or type(error).__name__)


def _exchange(client: httpx.Client, request: ProbeRequest) -> ProbeResult:
    started = time.monotonic()
    with client.stream(
        request.method,
        request.url,
        headers={"User-Agent": _USER_AGENT, **request.headers},
        content=request.body,
        data=dict(request.form) if request.form else None,
        auth=request.auth,
        follow_redirects=request.follow_redirects,
        timeout=request.timeout_seconds,
    ) as response:
        responded_ms = round((time.monotonic() - started) * 1000)
        result = ProbeResult("", responded_ms, response.status_code, "", _certificate_end(response))
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if time.monotonic() - started > request.timeout_seconds:
                return replace(result, problem=f"no complete answer in {request.timeout_seconds:g} s")
            if len(body) > _BODY_LIMIT_BYTES:
                break
        return replace(result, body=body.decode(errors="replace"))


def open_tcp(host: str, port: int, timeout_seconds: float) -> ProbeResult:
    """Open and close a TCP connection."""
    started = time.monotonic()
    try:
        with socket.create_connection((host, port), timeout_seconds):
            return ProbeResult(response_ms=round((time.monotonic() - started) * 1000))
    except OSError as error:
        return ProbeResult(error.strerror or str(error) or type(error).__name__)


def is_accepted(status: int, codes: list[str]) -> bool:
    """Return whether the status is among `codes`, such as "200", or classes of codes, such as "2xx"."""
    return any(code in (str(status), f"{status // 100}xx") for code in (text.lower() for text in codes))


def check_assertions(body: str, assertions: Mapping[str, Any]) -> str:
    """
    Check a body against UptimeRobot's API assertions {logic, checks: [{property, comparison, target}]}.

    Returns the failed checks as text, "" if the assertions hold. Properties are JSON paths of names and
    indices, such as `$.checks[0].status`.
    """
    try:
        document = json.loads(body)
    except ValueError:
        return "the answer is not JSON"
    failures = [failure for check in assertions["checks"] if (failure := _check_assertion(document, check))]
    if assertions.get("logic") == "OR" and len(failures) < len(assertions["checks"]):
        return ""
    return "; ".join(failures)


def _transport(request: ProbeRequest, verify: ssl.SSLContext | bool) -> httpx.HTTPTransport:
    any_address = {"ipv4Only": "0.0.0.0", "ipv6Only": "::"}  # noqa: S104 - to connect from, not to listen on
    return httpx.HTTPTransport(verify=verify, local_address=any_address.get(request.address_family))


def _certificate_end(response: httpx.Response) -> datetime | None:
    connection = response.extensions["network_stream"].get_extra_info("ssl_object")
    certificate = connection.getpeercert(True) if connection else None
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc if certificate else None


def days_left(end: datetime) -> int:
    """Return the whole days until `end`, negative once it has passed."""
    return (end - datetime.now(UTC)).days


_MISSING = object()


def _check_assertion(document: Any, check: Mapping[str, str]) -> str:
    value = _resolve_path(document, check["property"])
    comparison, target = check["comparison"], json.loads(check.get("target") or "null")
    holds = {
        "equals": lambda: value == target,
        "not_equals": lambda: value != target,
        "contains": lambda: target in value,
        "not_contains": lambda: target not in value,
        "greater_than": lambda: value > target,
        "less_than": lambda: value < target,
        "is_null": lambda: value is None,
        "is_not_null": lambda: value is not None,
    }[comparison]
    try:
        passed = value is not _MISSING and holds()
    except TypeError:
        passed = False
    return "" if passed else f"{check['property']} is not {comparison} {check.get('target', '')}".rstrip()


def _resolve_path(document: Any, path: str) -> Any:
    """Return the value at a JSON path of names and indices, _MISSING if there is none."""
    value = document
    for name, index in re.findall(r"([^.\[\]$]+)(?![^\[]*\])|\[(\d+)\]", path):
        try:
            value = value[name] if name else value[int(index)]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return value
