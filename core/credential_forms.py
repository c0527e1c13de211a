"""
The forms of vendors' credentials.

Policies refuse a credential in clear by its form, and recovery keeps credentials out of its reports.
"""

import re
from typing import Final, LiteralString, NamedTuple


class _CredentialForm(NamedTuple):
    kind: LiteralString
    pattern: re.Pattern[str]
    """Of the beginning of such a credential."""

    marks: tuple[str | re.Pattern[str], ...]
    """Of these each such credential has one. They are found much faster than the pattern is."""


def _form(kind: LiteralString, pattern: str, *marks: str | re.Pattern[str]) -> _CredentialForm:
    return _CredentialForm(kind, re.compile(pattern), marks)


_FORMS: Final = (
    _form("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b", "AKIA", "ASIA"),
    _form("a private key", r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----", "PRIVATE KEY-----"),
    _form("an address with a password", r"://[^\s/?#:@]*:[^\s/?#@]+@", "://"),
    _form("a Slack token", r"\bxox[a-z]-[0-9A-Za-z-]{10}", "xox"),
    _form("a Slack webhook", r"\bhooks\.slack\.com/[a-z]+/T[0-9A-Za-z]+/", "hooks.slack.com/"),
    _form("a Discord webhook", r"\bdiscord(?:app)?\.com/api/webhooks/[0-9]+/", ".com/api/webhooks/"),
    _form(
        "a GitHub token",
        r"\b(?:gh[opsur]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22})",
        *(f"gh{letter}_" for letter in "opsur"),
        "github_pat_",
    ),
    _form("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20}", "glpat-"),
    _form("a Stripe key", r"\b(?:[rs]k_live_|whsec_)[0-9A-Za-z]{16}", "k_live_", "whsec_"),
    _form("a Sentry token", r"\bsntry[a-z]_[0-9A-Za-z+/=_-]{32}", "sntry"),
    _form("a Neon key", r"\bnapi_[0-9a-z]{32}", "napi_"),
    _form(
        "an UptimeRobot key",
        r"\b(?:ur|u|m)[0-9]{4,}-[0-9a-f]{20}",
        re.compile(r"-[0-9a-f]{20}"),  # begins with a literal, so the search skips what has none
    ),
    _form(
        "an UptimeRobot heartbeat",
        r"\bheartbeat\.uptimerobot\.com/\w+-\w",
        "heartbeat.uptimerobot.com/",
    ),
    _form("a Pulumi token", r"\bpul-[0-9a-f]{40}\b", "pul-"),
    _form("a Google key", r"\bAIza[0-9A-Za-z_-]{35}", "AIza"),
    _form("a signed token", r"\beyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{10}", ".eyJ"),
)


_TEXT_MARKS: Final = [
    (mark, position) for position, form in enumerate(_FORMS) for mark in form.marks if isinstance(mark, str)
]
_PATTERN_MARKS: Final = [
    (mark, position)
    for position, form in enumerate(_FORMS)
    for mark in form.marks
    if not isinstance(mark, str)
]


def credential_kind(text: str) -> LiteralString | None:
    """Return the kind of the first credential in a text, judged by its form alone; None without one."""
    marked = {position for mark, position in _TEXT_MARKS if mark in text}
    marked.update(position for mark, position in _PATTERN_MARKS if mark.search(text))
    found = [
        (match.start(), position) for position in marked if (match := _FORMS[position].pattern.search(text))
    ]
    return _FORMS[min(found)[1]].kind if found else None


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
