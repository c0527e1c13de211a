"""The base of every settings model, and the small types that several blocks share."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from core.objectives import longest_gap


class SettingsModel(BaseModel):
    """Frozen, closed and strict: a typing mistake in a settings file is an error, never a default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


def _check(judge: Callable[[str], object]) -> AfterValidator:
    def validate(value: str) -> str:
        judge(value)
        return value

    return AfterValidator(validate)


def _https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("must be an https:// address: certificates are watched too")
    if parts.path.strip("/") or parts.query:
        raise ValueError("must be an origin without a path, such as https://api.example.com")


Schedule = Annotated[str, _check(longest_gap)]
"""Five-field cron expression, UTC."""

Origin = Annotated[str, _check(_https), AfterValidator(lambda url: url.rstrip("/"))]
"""https:// origin, without a trailing slash."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=50)]
"""Lower-case letters, digits and hyphens; 50 is Sentry's limit for slugs."""

AwsRegion = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
"""Such as eu-west-1."""

AwsAccount = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
"""Twelve digits, quoted: YAML would read a bare number and drop leading zeros."""

NeonOrganization = Annotated[str, StringConstraints(pattern=r"^org-[a-z0-9-]+$")]
"""Id of an organization at Neon."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A display name; 64 characters is the shortest limit among the vendors."""

Positive = Annotated[int, Field(gt=0, le=10_000_000)]
"""Small enough to be a number of days."""

SettingsRule = Callable[[Any], list[tuple[str, str]]]
"""A cross-field rule: settings -> (path below the block, what is wrong and what the limit is)."""
