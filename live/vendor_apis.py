"""Opens the HTTP APIs of the vendors of a stack."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import cache
from ssl import SSLContext
from typing import Final, NamedTuple

import httpx

from components.settings import PROJECT
from engine.stack_target import StackTarget
from engine.vendor_errors import VENDORS
from live.vendor_api import Api

_TIMEOUT_SECONDS: Final = 30.0


class Apis(NamedTuple):
    """The APIs that are asked over HTTP."""

    neon: Api
    uptimerobot: Api
    sentry: Api


@contextmanager
def open_apis(target: StackTarget, tokens: Mapping[str, str]) -> Generator[Apis]:
    """
    Open the APIs at the addresses where the vendors' own providers find them.

    `tokens` has those that there are, by the variables from which the providers read them.
    """

    def connect(base_url: str) -> httpx.Client:
        proxies = target.uses_proxies
        return httpx.Client(
            base_url=base_url,
            timeout=_TIMEOUT_SECONDS,
            trust_env=proxies,
            verify=_trust_authorities(environment=proxies),
        )

    with (
        connect(target.api_url("neon")) as to_neon,
        connect(target.api_url("uptimerobot")) as to_uptimerobot,
        connect(f"{target.api_url('sentry').rstrip('/')}/0") as to_sentry,
    ):

        def api(vendor: str, client: httpx.Client, scope: str = "") -> Api:
            return Api(VENDORS[vendor], client, tokens.get(VENDORS[vendor].variable, ""), scope=scope)

        yield Apis(
            api("neon", to_neon, f"`organization` in {PROJECT}:database"),
            api("uptimerobot", to_uptimerobot),
            api("sentry", to_sentry, f"`organization` in {PROJECT}:errors"),
        )


@cache
def _trust_authorities(*, environment: bool) -> SSLContext:
    """Read the list of certificate authorities once for all clients; each reading takes long."""
    return httpx.create_ssl_context(trust_env=environment)
