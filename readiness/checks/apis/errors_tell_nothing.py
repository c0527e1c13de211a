"""Requests that can't be read are refused in the API's own form, and tell nothing of the code."""

import re
from typing import Final
from urllib.parse import urlsplit

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.http_reader import HttpAnswer
from readiness.live_platform import LivePlatform

_TRACES: Final = re.compile(
    r"^\s+at .+:\d+:\d+|node_modules/|Traceback \(most recent|File \".+\", line \d+|"
    r"\b(?:SELECT|INSERT|UPDATE) .+ (?:FROM|INTO|SET) |postgres(?:ql)?://",
    re.MULTILINE,
)
"""Lines of a stack trace, statements of SQL, and addresses of databases."""

_UNKNOWN: Final = "/bulwark-ready-unknown"
_BROKEN: Final = b"}{"


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        folder = urlsplit(api.document).path.rpartition("/")[0]
        address = f"{service.url}{folder}{_UNKNOWN}"
        answer = platform.reader.send("GET", address)
        seen.measured[f"GET {address}"] = f"{answer.status} {answer.media_type}"
        seen.expect(answer.status == 404, f"GET {address} answers {answer.status}, not 404")
        seen.expect(answer.media_type.endswith("json"), f"GET {address} answers with a page, not with JSON")
        _look_for_traces(seen, f"GET {address}", answer)
        for path in sorted({one.path for one in api.limits.values() if one.method == "POST"}):
            address = f"{service.url}{path}"
            answer = platform.reader.send("POST", address, {"content-type": "application/json"}, _BROKEN)
            seen.measured[f"POST {address} with broken JSON"] = f"{answer.status} {answer.media_type}"
            refused = 400 <= answer.status < 500
            seen.expect(refused, f"POST {address} answers broken JSON with {answer.status}, not with 4xx")
            _look_for_traces(seen, f"POST {address}", answer)
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


def _look_for_traces(seen: Observation, name: str, answer: HttpAnswer) -> None:
    if _TRACES.search(answer.body.decode(errors="replace")):
        seen.problems.append(f"{name} answers with a stack trace, a statement or an address of the inside")


def _count(platform: LivePlatform) -> int:
    return sum(1 + len(api.limits) for _, api in platform.apis.values())


CHECK: Final = ReadinessCheck(
    id="errors-tell-nothing",
    title="Errors are refused in the API's form and tell nothing of the code",
    area="security",
    priority="medium",
    looks_at="An address that doesn't exist, and broken JSON sent to each POST under `api.limits`.",
    risk=(
        "A stack trace shows an attacker libraries, paths and statements; a client can't read an error page."
    ),
    fix="Add an error handler after all routes that answers JSON without the stack; set NODE_ENV=production.",
    controls=(Control.CIS_4_1, Control.SOC_CC7_1),
    look=_look,
    is_active=True,
    count_requests=_count,
)
