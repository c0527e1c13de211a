"""What services serve at paths that are not for everybody."""

import re
from collections.abc import Callable, Mapping

from readiness.check import NotApplicableError, Observation
from readiness.http_reader import HttpAnswer
from readiness.live_platform import LivePlatform


def look_at_paths(
    platform: LivePlatform,
    forms: Mapping[str, re.Pattern[bytes]],
    ask: Callable[[str], HttpAnswer],
    problem: str,
) -> Observation:
    """
    Return which paths of each service are served: with status 200, and a body that has the path's form.

    A frontend answers every unknown path with its page, so that the status alone says nothing.

    Raises:
        NotApplicableError: no service is declared.
    """
    seen = Observation()
    for _, service in sorted(platform.services.items()):
        for path, form in forms.items():
            answer = ask(f"{service.url}{path}")
            is_served = answer.status == 200 and form.search(answer.body) is not None
            seen.measured[f"GET {service.url}{path}"] = str(answer.status)
            seen.expect(not is_served, f"{service.url}{path} {problem}")
    if not seen.measured:
        raise NotApplicableError("the stack declares no service")
    return seen
