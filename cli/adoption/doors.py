"""Where each vendor's HTTP API is: at the vendor, or on the twin."""

import os
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import httpx

from cli.adoption import neon, sentry, uptimerobot
from cli.adoption.api import Api
from components.settings import PROJECT
from engine.vendor_errors import VENDORS
from twin.host.home import TwinHome
from twin.plugin_install import addresses

_SECONDS: Final = 30.0


class Apis(NamedTuple):
    """The vendors that are asked over HTTP."""

    neon: Api
    uptimerobot: Api
    sentry: Api


@contextmanager
def opened(twin: TwinHome | None, keys: Mapping[str, str]) -> Generator[Apis]:
    """
    Give the APIs, where the vendors' own providers would find them too; `keys` are secrets by their names.

    On the twin they are its doors, whatever the environment says.
    """
    environment = addresses(twin) if twin else os.environ
    robot_url = environment.get("UPTIMEROBOT_API_URL") or uptimerobot.BASE_URL
    sentry_url = environment.get("SENTRY_BASE_URL") or sentry.BASE_URL
    outside = twin is None
    with (
        _neon(twin) as to_neon,
        httpx.Client(base_url=robot_url, timeout=_SECONDS, trust_env=outside) as to_robot,
        httpx.Client(
            base_url=f"{sentry_url.rstrip('/')}/0", timeout=_SECONDS, trust_env=outside
        ) as to_sentry,
    ):

        def api(vendor: str, client: httpx.Client, scope: str = "") -> Api:
            return Api(VENDORS[vendor], client, keys.get(VENDORS[vendor].secret, ""), scope=scope)

        yield Apis(
            api("neon", to_neon, f"`organization` in {PROJECT}:database"),
            api("uptimerobot", to_robot),
            api("sentry", to_sentry, f"`organization` in {PROJECT}:errors"),
        )


def _neon(twin: TwinHome | None) -> httpx.Client:
    """Return a client for Neon, whose address is always the same: the twin is behind a proxy."""
    if not twin:
        return httpx.Client(base_url=neon.BASE_URL, timeout=_SECONDS)
    where = addresses(twin)
    trusted = ssl.create_default_context(cafile=where["SSL_CERT_FILE"])
    return httpx.Client(
        base_url=neon.BASE_URL,
        timeout=_SECONDS,
        proxy=where["HTTPS_PROXY"],
        verify=trusted,
        trust_env=False,
    )
