"""`/health` answers 200 with status, timestamp, uptime, environment and version."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from policies.framework.controls import Control
from readiness.api_answers import parse_answer
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_GOOD: Final = frozenset(("ok", "up", "healthy", "pass"))
_CLOCKS: Final = timedelta(minutes=5)


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        address = f"{service.url}{api.health}"
        answer = platform.reader.get(address)
        body = parse_answer(answer)
        fields = ", ".join(body) if body is not None else "no JSON object"
        seen.measured[address] = f"{answer.status} {answer.media_type}: {fields}"
        seen.expect(answer.status == 200, f"{address} answers {answer.status}")
        if body is None or not answer.media_type.endswith("json"):
            seen.problems.append(f"{address} answers no JSON")
            continue
        seen.problems += [f"{address}: {problem}" for problem in _judge(body)]
        versions = parse_answer(platform.reader.get(f"{service.url}{api.version}")) or {}
        version = versions.get("version")
        seen.expect(
            version is None or body.get("version") == version,
            f"{address} names version {body.get('version')}, and {api.version} {version}",
        )
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


def _judge(body: dict[str, Any]) -> list[str]:
    problems: list[str] = []
    if str(body.get("status", "")).lower() not in _GOOD:
        problems.append(f"status is {body.get('status', 'missing')}")
    problems += [f"{name} is missing" for name in ("environment", "version") if not body.get(name)]
    uptime = body.get("uptime")
    if isinstance(uptime, bool) or not isinstance(uptime, int | float) or uptime < 0:
        problems.append("uptime is missing, or no number of seconds")
    try:
        timestamp = datetime.fromisoformat(str(body.get("timestamp", "")))
        age = abs(datetime.now(UTC) - timestamp)
    except (TypeError, ValueError):
        problems.append("timestamp is missing, or no time with its zone")
    else:
        if age > _CLOCKS:
            problems.append("timestamp is another time than now")
    return problems


CHECK: Final = ReadinessCheck(
    id="health-is-complete",
    title="/health says ok with timestamp, uptime, environment and version",
    area="health",
    priority="critical",
    looks_at="The answer at `api.health` of each API, and its version beside that of `api.version`.",
    risk="A monitor can't tell a working platform from a page that a proxy serves in its place.",
    fix=(
        'Answer {"status": "ok", "timestamp", "uptime", "environment", "version"} after a query on the '
        "database."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4),
    look=_look,
)
