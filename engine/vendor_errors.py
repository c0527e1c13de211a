"""Explains the errors of vendors during an engine run: which resource, why, and what to do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple


class VendorInfo(NamedTuple):
    """
    Names and pages of a vendor; `variable` is the environment's with its token.

    AWS has none, and `keys` is how to see whose credentials are at hand.
    """

    title: str
    variable: str
    keys: str
    status: str
    scheme: str = "Bearer "
    """What stands before the token in the header Authorization."""


VENDORS: Final = {
    "neon": VendorInfo("Neon", "NEON_API_KEY", "console.neon.tech/app/settings/api-keys", "neonstatus.com"),
    "uptimerobot": VendorInfo(
        "UptimeRobot",
        "UPTIMEROBOT_API_KEY",
        "dashboard.uptimerobot.com/integrations",
        "status.uptimerobot.com",
    ),
    "sentry": VendorInfo("Sentry", "SENTRY_AUTH_TOKEN", "sentry.io/settings/auth-tokens", "status.sentry.io"),
    "pagerduty": VendorInfo(
        "PagerDuty",
        "PAGERDUTY_TOKEN",
        "Integrations > API Access Keys at PagerDuty",
        "status.pagerduty.com",
        "Token token=",
    ),
    "railway": VendorInfo(
        "Railway", "RAILWAY_TOKEN", "railway.com/account/tokens (no project's token)", "status.railway.com"
    ),
    "vercel": VendorInfo(
        "Vercel", "VERCEL_API_TOKEN", "vercel.com/account/settings/tokens", "www.vercel-status.com"
    ),
    "supabase": VendorInfo(
        "Supabase", "SUPABASE_ACCESS_TOKEN", "supabase.com/dashboard/account/tokens", "status.supabase.com"
    ),
    "aws": VendorInfo("AWS", "", "`aws sts get-caller-identity`", "health.aws.amazon.com"),
}

_STATUS: Final = re.compile(
    r"(?:HTTP(?: Code:| status)?|status(?: ?code)?:?|returned error) ?(\d{3})", re.IGNORECASE
)
_UNREACHABLE: Final = re.compile(
    r"connection (?:refused|reset)|no such host|\bEOF\b|Client\.Timeout|deadline exceeded|i/o timeout"
    r"|TLS handshake|x509|cannot read response|unexpected end of JSON|check the base URL",
    re.IGNORECASE,
)
_TAKEN: Final = re.compile(r"already ?(?:exists|owned)|exists ?already", re.IGNORECASE)
_NOT_ALLOWED: Final = re.compile(
    r"AccessDenied|UnauthorizedOperation|not authorized|ExpiredToken|InvalidClientTokenId|NoCredential"
    r"|no valid credential sources|get credentials|account ID not allowed",
    re.IGNORECASE,
)
"""What AWS and its provider say of credentials that are missing, too old or not allowed to do it."""
_BUSY: Final = re.compile(
    r"Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|OperationAborted|ConcurrentModification"
)
_UNREADABLE: Final = re.compile(r"Unable to read, got status code 404|No matching client key found")
"""Messages with which Sentry's provider fails a refresh, where others record that the resource is gone."""

_GONE_AT_RAILWAY: Final = re.compile(r"no variable names|service(?:Instance)? not found", re.IGNORECASE)
"""The same of Railway's provider, whose API has no status of its own for it."""

_NO_KEY: Final = re.compile(r"api[ _]?key|authorization key|token", re.IGNORECASE)
_PLAN: Final = re.compile(r"\bplan\b|limit|quota|exceeded", re.IGNORECASE)
_NOISE: Final = re.compile(
    r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m|\[ERROR\] : |\[HTTP Code: \d{3}\]|\[Error Code: [^\]]*\]|^error: ",
    re.MULTILINE,
)
"""Colours, and the text that the providers put around a vendor's own message."""


_SERVER_ERROR: Final = 500
_AGAIN: Final = "run the same command again; it goes on from there."


@dataclass(frozen=True)
class VendorRefusal:
    """A vendor's refusal to create, change or delete one resource."""

    vendor: str
    resource: str
    reason: str
    next_step: str

    @property
    def cause(self) -> str:
        return f"{self.vendor} refused {self.resource}: {self.reason}"

    def __str__(self) -> str:
        return f"bulwark: {self.cause}\n  Next: {self.next_step}"


def read(errors: Iterable[tuple[str, str]]) -> list[VendorRefusal]:
    """
    Explain the engine's errors, each a resource's URN and a message.

    Errors that are not a vendor's are left out.
    """
    refusals: dict[tuple[str, str], VendorRefusal] = {}
    for urn, message in errors:
        if refusal := _explain(urn, message):
            refusals.setdefault((refusal.resource, refusal.next_step), refusal)
    return list(refusals.values())


def _explain(urn: str, message: str) -> VendorRefusal | None:
    package = _package(urn)
    if package not in VENDORS:
        return None
    vendor, resource = VENDORS[package], urn.rsplit("::", 1)[-1]
    status = int(match[1]) if (match := _STATUS.search(message)) else 0
    text = " ".join(_NOISE.sub("", message).split()).strip(" :")
    if _UNREADABLE.search(text) or (package == "railway" and _GONE_AT_RAILWAY.search(text)):
        next_step = _forget_step(urn)
    elif package == "railway" and _NOT_ALLOWED.search(text):
        next_step = _next_step(vendor, 401, text)
    elif package == "vercel" and _TAKEN.search(text):
        next_step = _take_over_step(resource)
    elif package == "aws":
        next_step = _aws_step(vendor, status, text)
    else:
        next_step = _next_step(vendor, status, text)
    if next_step is None:
        return None
    reason = text if not status or str(status) in text else f"{text.removesuffix('.')} (HTTP {status})."
    return VendorRefusal(vendor.title, resource, reason, next_step)


def _package(urn: str) -> str:
    """Return the vendor of a resource's or an explicit provider's URN."""
    type_ = urn.rsplit("::", 2)[-2].rsplit("$", 1)[-1] if urn.count("::") >= 3 else ""
    return type_.removeprefix("pulumi:providers:").partition(":")[0]


def _forget_step(urn: str) -> str:
    return (
        "it was deleted behind the stack's back, and its provider can't tell: "
        f"`./bulwark pulumi state delete '{urn}' --stack STACK` makes the stack forget it, and `up` makes it "
        "again."
    )


def _take_over_step(resource: str) -> str:
    return (
        f"write its id under bulwark:existing.adopt, as `{resource}: TEAM/PROJECT/ID`, or delete it at "
        f"Vercel; then {_AGAIN}"
    )


def _aws_step(vendor: VendorInfo, status: int, text: str) -> str | None:
    """Return the next step after an error of AWS, whose code says more than its HTTP status."""
    if _TAKEN.search(text):
        return _next_step(vendor, 409, text)
    if _NOT_ALLOWED.search(text):
        return (
            f"see whose credentials these are ({vendor.keys}): what is at AWS is made by an administrator of "
            f"the account, and a vault and its key are changed by break-glass alone (docs/production.md); "
            f"then {_AGAIN}"
        )
    if _BUSY.search(text):
        return f"wait a minute, for AWS is busy with it, then {_AGAIN}"
    if status and status < _SERVER_ERROR:
        return f"correct the stack's settings, or what AWS names; then {_AGAIN}"
    return _next_step(vendor, status, text)


def _next_step(vendor: VendorInfo, status: int, text: str) -> str | None:
    again = _AGAIN
    match status:
        case 400 | 402 | 403 | 422 if _PLAN.search(text):
            return f"ask for less in the stack's settings, or for more at {vendor.title}; then {again}"
        case 401 | 403:
            return (
                f"check what the token in {vendor.variable} may do ({vendor.keys}), or set another there; "
                f"then {again}"
            )
        case 404:
            return (
                "it, or what it belongs to, was deleted behind the stack's back: `./bulwark refresh` shows "
                "what is gone, `./bulwark refresh --accept` takes note, and `up` makes it again."
            )
        case _ if status == 409 or _TAKEN.search(text):
            return (
                "something of that name is there: `./bulwark adopt` finds it and writes the setting by which "
                f"the stack uses it, or choose another name; then {again}"
            )
        case 423:
            return f"another operation is at work at {vendor.title}: wait for its end, then {again}"
        case 429:
            return f"wait a minute, for {vendor.title} counts requests, then {again}"
        case 400 | 402 | 422:
            return f"correct the stack's settings, then {again}"
        case _ if status >= _SERVER_ERROR or _UNREACHABLE.search(text):
            return (
                f"see {vendor.status} and the network; if it was being made, `./bulwark adopt` finds what "
                f"{vendor.title} has of it; then {again}"
            )
        case 0 if vendor.variable and _NO_KEY.search(text):
            return f"set {vendor.variable}."
        case _:
            return None
