"""`/api/version` names the commit that was deployed."""

from typing import Final

from policies.framework.controls import Control
from readiness.api_answers import parse_answer
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_FEWEST_DIGITS: Final = 7


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    expected = platform.deployed_commit
    for service, api in platform.apis.values():
        address = f"{service.url}{api.version}"
        answer = platform.reader.get(address)
        body = parse_answer(answer) or {}
        version, commit = str(body.get("version", "")), str(body.get("commit", ""))
        seen.measured[address] = (
            f"{answer.status}, version {version or 'missing'}, commit {commit or 'missing'}"
        )
        if answer.status != 200 or not version:
            seen.problems.append(f"{address} answers {answer.status} without a version")
        elif "commit" not in body:
            seen.problems.append(f"{address} names no commit")
        elif expected:
            is_it = len(commit) >= _FEWEST_DIGITS and expected.startswith(commit)
            seen.expect(is_it, f"{address} runs {commit[:12] or 'an unknown commit'}, not {expected[:12]}")
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    if not expected and not seen.problems:
        raise NotApplicableError("nobody here knows which commit was deployed; name it: --commit SHA")
    return seen


CHECK: Final = ReadinessCheck(
    id="version-is-deployed",
    title="The running code is that of the last deployment",
    area="health",
    priority="high",
    looks_at=(
        "Version and commit at `api.version` of each API, beside the commit that was deployed (--commit)."
    ),
    risk=(
        "A deployment failed and the old code runs on: its errors and its fixes are looked for in the "
        "wrong code."
    ),
    fix=(
        "Redeploy; answer /api/version with the commit that the build was made from (RAILWAY_GIT_COMMIT_SHA)."
    ),
    controls=(Control.SOC_CC8_1, Control.NIST_CM_3),
    look=_look,
)
