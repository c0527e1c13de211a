"""
The forms of vendors' credentials.

Policies refuse a credential in clear by its form, and recovery keeps credentials out of its reports.
"""

import re
from typing import Final, LiteralString

_FORMS: Final[tuple[tuple[LiteralString, str], ...]] = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a private key", r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----"),
    ("an address with a password", r"://[^\s/?#:@]*:[^\s/?#@]+@"),
    ("a Slack token", r"\bxox[a-z]-[0-9A-Za-z-]{10}"),
    ("a Slack webhook", r"\bhooks\.slack\.com/[a-z]+/T[0-9A-Za-z]+/"),
    ("a Discord webhook", r"\bdiscord(?:app)?\.com/api/webhooks/[0-9]+/"),
    ("a GitHub token", r"\b(?:gh[opsur]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22})"),
    ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20}"),
    ("a Stripe key", r"\b(?:[rs]k_live_|whsec_)[0-9A-Za-z]{16}"),
    ("a Sentry token", r"\bsntry[a-z]_[0-9A-Za-z+/=_-]{32}"),
    ("a Neon key", r"\bnapi_[0-9a-z]{32}"),
    ("an UptimeRobot key", r"\b(?:ur|u|m)[0-9]{4,}-[0-9a-f]{20}"),
    ("an UptimeRobot heartbeat", r"\bheartbeat\.uptimerobot\.com/\w+-\w"),
    ("a Pulumi token", r"\bpul-[0-9a-f]{40}\b"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a signed token", r"\beyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{10}"),
)
"""(kind, pattern of the beginning of such a credential)."""

_ANY: Final = re.compile("|".join(f"({form})" for _, form in _FORMS))


def credential_kind(text: str) -> LiteralString | None:
    """Return the kind of the first credential in a text, judged by its form alone; None without one."""
    found = _ANY.search(text)
    return _FORMS[found.lastindex - 1][0] if found and found.lastindex else None


def hide_credentials(text: str) -> str:
    """
    Return the text with each credential replaced by its kind.

    A pattern matches only the beginning of a credential, so the whole word is replaced. A private key has
    several words, so the whole text is replaced.
    """
    words = re.split(r"(\s+)", text) if credential_kind(text) else [text]
    shown = "".join(f"[{kind}]" if (kind := credential_kind(word)) else word for word in words)
    # A credential that is left has more than one word, and its end is unknown.
    return f"[{kind}]" if (kind := credential_kind(shown)) else shown
