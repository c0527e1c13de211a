"""
What credentials look like.

Pure functions, known to policies, which refuse one in clear, and to recovery, which lets none into a report.
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
"""What it is, and how the vendor's credentials of that kind start."""

_ANY: Final = re.compile("|".join(f"({form})" for _, form in _FORMS))


def form_of(text: str) -> LiteralString | None:
    """Return which kind of credential a text holds, by its form alone; None for any other text."""
    found = _ANY.search(text)
    return _FORMS[found.lastindex - 1][0] if found and found.lastindex else None


def hidden(text: str) -> str:
    """
    Return the text with its kind in place of each credential.

    A form is that of a credential's start, so the whole word goes; for a private key all of the text.
    """
    words = re.split(r"(\s+)", text) if form_of(text) else [text]
    shown = "".join(f"[{kind}]" if (kind := form_of(word)) else word for word in words)
    # What still shows takes more than one word, and where it ends is not known.
    return f"[{kind}]" if (kind := form_of(shown)) else shown
