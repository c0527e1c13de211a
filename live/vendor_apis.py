"""Opens the HTTP APIs of the vendors of a stack."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from ssl import SSLContext
from typing import Final, NamedTuple, Protocol

import httpx

from components.settings import PROJECT
from engine.stack_target import ApiVendor
from engine.vendor_errors import VENDORS
from live.vendor_api import Api, WritingApi

_TIMEOUT_SECONDS: Final = 30.0


class ApiAddresses(Protocol):
    """Where the vendors' APIs are, such as a stack's target."""

    def api_url(self, vendor: ApiVendor) -> str:
        """Return the address of a vendor's API."""
        ...

    @property
    def uses_proxies(self) -> bool:
        """Whether clients follow the environment's proxies."""
        ...


class Apis(NamedTuple):
    """The APIs that are asked over HTTP."""

    neon: Api
    uptimerobot: Api
    sentry: Api
    pagerduty: Api
    vercel: Api


@contextmanager
def open_apis(addresses: ApiAddresses, tokens: Mapping[str, str]) -> Generator[Apis]:
    """
    Open the APIs at the addresses where the vendors' own providers find them.

    `tokens` has those that there are, by the variables from which the providers read them.
    """
    proxies = addresses.uses_proxies
    with (
        connect(addresses.api_url("neon"), uses_proxies=proxies) as to_neon,
        connect(addresses.api_url("uptimerobot"), uses_proxies=proxies) as to_uptimerobot,
        connect(f"{addresses.api_url('sentry').rstrip('/')}/0", uses_proxies=proxies) as to_sentry,
        connect(addresses.api_url("pagerduty"), uses_proxies=proxies) as to_pagerduty,
        connect(addresses.api_url("vercel"), uses_proxies=proxies) as to_vercel,
    ):

        def api(vendor: str, client: httpx.Client, scope: str = "") -> Api:
            return Api(VENDORS[vendor], client, tokens.get(VENDORS[vendor].variable, ""), scope=scope)

        yield Apis(
            api("neon", to_neon, f"`organization` in {PROJECT}:stores"),
            api("uptimerobot", to_uptimerobot),
            api("sentry", to_sentry, f"`organization` in {PROJECT}:errors"),
            api("pagerduty", to_pagerduty),
            api("vercel", to_vercel),
        )


@contextmanager
def open_writing_api(addresses: ApiAddresses, vendor: ApiVendor, key: str) -> Generator[WritingApi]:
    """Open one vendor's API to change what is there."""
    url = addresses.api_url(vendor)
    base = f"{url.rstrip('/')}/0" if vendor == "sentry" else url
    with connect(base, uses_proxies=addresses.uses_proxies) as client:
        yield WritingApi(VENDORS[vendor], client, key)


def connect(base_url: str, *, uses_proxies: bool) -> httpx.Client:
    """Return a client of an API; its requests end after 30 seconds."""
    return httpx.Client(
        base_url=base_url,
        timeout=_TIMEOUT_SECONDS,
        trust_env=uses_proxies,
        verify=_trust_authorities(environment=uses_proxies),
    )


@cache
def _trust_authorities(*, environment: bool) -> SSLContext:
    """Read the list of certificate authorities once for all clients; each reading takes long."""
    return httpx.create_ssl_context(trust_env=environment)
