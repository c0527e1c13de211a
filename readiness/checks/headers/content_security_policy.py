"""A page runs the site's own scripts alone."""

from collections.abc import Mapping
from typing import Final

from policies.framework.controls import Control
from readiness.check import Observation, ReadinessCheck
from readiness.header_values import observe_header
from readiness.live_platform import LivePlatform

_ANY_SCRIPT: Final = frozenset(("*", "http:", "https:", "data:", "blob:", "'unsafe-inline'", "'unsafe-eval'"))
"""Sources that let others' scripts run. With a nonce or a hash browsers ignore 'unsafe-inline'."""


def parse_policy(text: str) -> dict[str, list[str]]:
    """Return directive -> sources. As in browsers, the first of two equal directives counts."""
    directives: dict[str, list[str]] = {}
    for part in text.lower().split(";"):
        name, *sources = part.split() or [""]
        if name:
            directives.setdefault(name, sources)
    return directives


def _look(platform: LivePlatform) -> Observation:
    return observe_header(platform, "content-security-policy", _find_problem)


def _find_problem(value: str) -> str:
    if not value:
        return "is missing"
    directives = parse_policy(value)
    problems = [
        *(["has no default-src"] if "default-src" not in directives else []),
        *_judge_scripts(directives),
        *(["lets plugins run (object-src)"] if _find(directives, "object-src") != ["'none'"] else []),
        *(["lets a page change its base (base-uri)"] if not _is_closed(directives.get("base-uri")) else []),
    ]
    return ", ".join(problems)


def _judge_scripts(directives: Mapping[str, list[str]]) -> list[str]:
    sources = set(_find(directives, "script-src") or ["*"])
    if any(source.startswith(("'nonce-", "'sha256-", "'sha384-", "'sha512-")) for source in sources):
        sources.discard("'unsafe-inline'")
    open_to = sorted(sources & _ANY_SCRIPT)
    return [f"lets scripts run from {' '.join(open_to)} (script-src)"] if open_to else []


def _find(directives: Mapping[str, list[str]], name: str) -> list[str] | None:
    return directives.get(name, directives.get("default-src"))


def _is_closed(sources: list[str] | None) -> bool:
    return sources in (["'self'"], ["'none'"])


CHECK: Final = ReadinessCheck(
    id="content-security-policy",
    title="Pages run the site's own scripts alone",
    area="security",
    priority="high",
    looks_at=(
        "The header Content-Security-Policy of each watched address: default-src, script-src, "
        "object-src, base-uri. One that only reports does not count."
    ),
    risk="A text that somebody entered runs as a script in another user's browser, with that user's session.",
    fix="Use Helmet's default policy, without 'unsafe-inline', 'unsafe-eval' or * for scripts.",
    controls=(Control.CIS_4_1, Control.SOC_CC6_6, Control.NIST_CM_2),
    look=_look,
)
