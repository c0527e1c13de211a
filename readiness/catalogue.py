"""The catalogue of the checks: `python -m readiness.catalogue > docs/readiness-checks.md`."""

import sys
from collections.abc import Iterator

from readiness.check import AREA_TITLES, PRIORITY_WEIGHTS, ReadinessCheck
from readiness.checks import CHECKS

_BEGINNING = """# Checks of readiness

`./bulwark ready` runs them ([readiness.md](readiness.md)).
`python -m readiness.catalogue > docs/readiness-checks.md` writes this page. A check counts in the score of
its area by its priority: {weights}.
"""


def render() -> str:
    """Return the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    weights = ", ".join(f"{name} {weight}" for name, weight in PRIORITY_WEIGHTS.items())
    yield _BEGINNING.format(weights=weights)
    for area, title in AREA_TITLES.items():
        checks = [check for check in CHECKS if check.area == area]
        if checks:
            yield f"## {title}"
            yield ""
        for check in sorted(checks, key=lambda check: check.id):
            yield from _describe(check)


def _describe(check: ReadinessCheck) -> Iterator[str]:
    kind = ""
    if check.is_active:
        kind = ", active; never at production" if check.spares_production else ", active"
        kind += "; on request only" if check.is_on_request else ""
    yield f"### {check.id}"
    yield ""
    yield f"**{check.title}.** {check.priority.capitalize()}{kind}."
    yield ""
    yield f"- Looks at: {check.looks_at}"
    yield f"- Risk: {check.risk}"
    yield f"- Fix: {check.fix}"
    yield f"- Controls: {', '.join(map(str, check.controls))}"
    yield ""


if __name__ == "__main__":
    sys.stdout.write(render())
