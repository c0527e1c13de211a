"""Makes the twin ready for a stack: its home, its services, and the engine's environment."""

import shutil
from typing import Final
from urllib.parse import urlsplit

from rich.console import Console

from components.secrets import FILES_KEY, PROVIDER_TOKENS
from components.settings import Settings
from core.failure import Failure
from toolchain.providers import bridge, find_providers
from twin import file_store
from twin.host.home import HOME_VARIABLE, TwinHome
from twin.plugin_install import install, install_real
from twin.services import ServiceError, TwinService, declared, start

_NEEDED_BYTES: Final = 256 << 20
"""A new twin takes 120 MiB; PostgreSQL's log and its archive need room to grow."""


def services(twin: TwinHome, settings: Settings) -> tuple[TwinService, ...]:
    """Return the services that these settings need; the platform answers where they say it is."""
    api, frontend = urlsplit(settings.platform.api), urlsplit(settings.platform.frontend)
    every = declared(twin, api_port=api.port or 443, frontend_port=frontend.port or 443)
    # Production's program, run against the twin, watches an address that is not on this machine.
    here = settings.platform.environment == "local"
    return tuple(service for service in every if here or service.name != "platform")


def engine_environment(twin: TwinHome, settings: Settings, *, real: bool = False) -> dict[str, str]:
    """
    Return the environment of every engine command on the twin, `real` with the vendors' own providers.

    Secrets go by environment or by file, never by argument; the tokens are the twin's own.
    """
    sink = f"http://127.0.0.1:{twin.port('vendors')}/sink"
    targets = {
        channel: twin.secret(f"{channel}_target")
        if settings.alerting.channels[channel].type == "pagerduty"
        else f"{sink}/{channel}"
        for channel in settings.alerting.secret_channels()
    }
    tokens = {name: twin.secret(name) for name in (*PROVIDER_TOKENS, *FILES_KEY)}
    secrets = tokens | {f"{channel}_target": target for channel, target in targets.items()}
    passphrase = twin.root / "passphrase"
    if not passphrase.exists():
        passphrase.touch(mode=0o600)
        passphrase.write_text(twin.secret("passphrase"))
    return {
        HOME_VARIABLE: str(twin.root),
        "PULUMI_HOME": str(twin.pulumi_real if real else twin.pulumi),
        # Else the backend keeps a file of attributes beside each of its files, and one that a killed engine
        # left half-written makes the whole stack unreadable ("failed to load checkpoint: EOF").
        "PULUMI_BACKEND_URL": f"{twin.state.as_uri()}?metadata=skip",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase),
        **{f"BULWARK_{name}".upper().replace("-", "_"): value for name, value in secrets.items()},
    }


def reached(url: str) -> str:
    """
    Return a database's address as the twin's server is reached: it has neither TLS nor a pooler.

    Neon's provider makes the pooler's name out of the first label of the server's: of 127.0.0.1 as well.
    """
    server = url.replace("@127-pooler.0.0.1:", "@127.0.0.1:")
    return urlsplit(server)._replace(query="sslmode=disable").geturl()


def make_ready(twin: TwinHome, settings: Settings, console: Console, *, real: bool = False) -> None:
    """
    Create the home, install the plugins, `real` the vendors' own, and start every service.

    Raises:
        Failure: when a service can't be had, with its cause.
    """
    try:
        twin.create()
        file_store.make_buckets(twin, settings.files.buckets)
    except OSError as error:
        raise Failure(
            f"The twin's folder {twin.root} can't be made: {error.strerror}.",
            f"make it writable, or name another one in {HOME_VARIABLE}.",
        ) from error
    free_bytes = shutil.disk_usage(twin.root).free
    if free_bytes < _NEEDED_BYTES:
        raise Failure(
            f"The disk of the twin's folder {twin.root} is full: {free_bytes >> 20} MiB are free, it needs "
            f"{_NEEDED_BYTES >> 20} MiB.",
            f"free some, or name a folder on another disk in {HOME_VARIABLE}.",
        )
    if real:
        install_real(twin, bridge(find_providers()))
    else:
        install(twin.pulumi)
    try:
        with console.status("Starting the twin's services") as status:
            start(
                twin,
                services(twin, settings),
                progress=lambda name, what: status.update(f"Starting the twin's services: {name} {what}"),
            )
    except ServiceError as error:
        cause, _, next_step = str(error).partition("\n")
        raise Failure(cause, next_step or "see `./bulwark logs`.") from error
