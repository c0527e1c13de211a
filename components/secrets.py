"""The stack's secrets, from its encrypted configuration or the environment, and the vendors' tokens."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from components.settings import PROJECT, Problem, Settings, SettingsError
from components.settings.hosts import list_secrets

if TYPE_CHECKING:
    import pulumi

TOKEN_VARIABLES: Final[Mapping[str, str]] = {
    "neon": "NEON_API_KEY",
    "uptime": "UPTIMEROBOT_API_KEY",
    "errors": "SENTRY_AUTH_TOKEN",
    "oncall": "PAGERDUTY_TOKEN",
    "at_railway": "RAILWAY_TOKEN",
    "at_vercel": "VERCEL_API_TOKEN",
}
"""
Part of the settings -> environment variable from which its vendor's provider reads its token.

A token that is no input of a provider gets into neither state nor plan, so that each job has its own.
"""

_VERCEL_TOKEN: Final = re.compile(r"[0-9a-zA-Z]{24}")


def name_files_key(store: str) -> tuple[str, str]:
    """Return the secrets with the S3 access key of a store of files. Supabase has no key that only reads."""
    return f"{store}_access_key_id", f"{store}_secret_access_key"


def name_url(store: str) -> str:
    """Return the secret that has the address of a database which exists already, with its password."""
    return f"{store}_url"


def variable(name: str) -> str:
    """Return the environment variable that may hold the secret, such as BULWARK_NEON_API_KEY."""
    return f"{PROJECT}_{name}".upper().replace("-", "_")


def required_secrets(settings: Settings) -> list[str]:
    """Return the names of all secrets that these settings need."""
    return [
        *(name for store in settings.sources for name in name_files_key(store)),
        *(name_url(store) for store in settings.databases if store not in settings.neon),
        *(f"{channel}_target" for channel in settings.alerting.secret_channels()),
        *list_secrets(settings.hosts),
    ]


@dataclass(frozen=True)
class Secrets:
    """Secret name -> value, wrapped so that the engine encrypts it wherever it goes."""

    values: Mapping[str, pulumi.Output[str]] = field(repr=False)

    def __getitem__(self, name: str) -> pulumi.Output[str]:
        return self.values[name]


def collect(settings: Settings, config: pulumi.Config, *, given: Collection[str] = ()) -> Secrets:
    """
    Collect every secret that the settings need; `given` names those that the configuration has.

    Raises:
        SettingsError: as `check` does.
    """
    check(
        settings,
        given={*given, *(name for name in required_secrets(settings) if os.environ.get(variable(name)))},
    )
    return Secrets({name: _read(name, config) for name in required_secrets(settings)})


def list_webhooks(settings: Settings) -> list[str]:
    """Return the channels whose secret address AWS's alarms need: SNS reaches them by itself."""
    alerting = settings.alerting
    return [name for name in alerting.route("sev1") if alerting.channels[name].type == "webhook"]


def collect_webhooks(
    settings: Settings, config: pulumi.Config, *, given: Collection[str] = ()
) -> dict[str, pulumi.Output[str]]:
    """
    Return the address of each webhook that AWS's alarms are told, by its channel; `given` is as in `collect`.

    Raises:
        SettingsError: naming all that are missing.
    """
    names = {channel: f"{channel}_target" for channel in list_webhooks(settings)}
    missing = [name for name in names.values() if name not in given and not os.environ.get(variable(name))]
    if missing:
        raise SettingsError([_missing(name) for name in missing])
    return {channel: _read(name, config) for channel, name in names.items()}


def _read(name: str, config: pulumi.Config) -> pulumi.Output[str]:
    import pulumi  # noqa: PLC0415 - it takes a fifth of a second, and the commands only look at the names

    value = config.get_secret(name)
    return pulumi.Output.secret(os.environ[variable(name)]) if value is None else value


def check(settings: Settings, *, given: Collection[str]) -> None:
    """
    Compare the secrets that there are with those that the settings need; knows nothing of the engine.

    `given` names the secrets; the vendors' tokens are looked for in the environment.

    Raises:
        SettingsError: naming all that are missing, with how to set them, and all that nothing needs.
    """
    names = required_secrets(settings)
    problems = [
        Problem(name, "is no secret that these settings need") for name in sorted(set(given) - set(names))
    ]
    problems += [_missing(name) for name in names if name not in given]
    problems += [
        Problem(variable, "this token is missing in the environment; docs/production.md says where to get it")
        for block, variable in TOKEN_VARIABLES.items()
        if getattr(settings, block) and not os.environ.get(variable)
    ]
    problems += _check_tokens(settings)
    if problems:
        raise SettingsError(problems)


def _check_tokens(settings: Settings) -> list[Problem]:
    """
    Check the form of Vercel's token, as its provider does before anything else.

    Source: vercel/terraform-provider-vercel 5.10.0, vercel/provider.go. Railway's tokens all have one form.
    """
    variable = TOKEN_VARIABLES["at_vercel"]
    token = os.environ.get(variable)
    if not settings.at_vercel or not token or _VERCEL_TOKEN.search(token):
        return []
    return [Problem(variable, "is no token of Vercel: it has no 24 letters and digits in a row")]


def _missing(name: str) -> Problem:
    return Problem(
        name,
        f"this secret is missing; type `./bulwark pulumi config set --secret {PROJECT}:{name}`, "
        f"or set {variable(name)} in the environment",
    )
