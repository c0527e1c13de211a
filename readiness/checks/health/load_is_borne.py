"""`/health` answers in time while several clients ask at once."""

import time
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from typing import Final

from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.live_platform import LivePlatform

_CLIENTS: Final = 8
_REQUESTS: Final = 160
"""For each API, of all clients together."""

_DEFAULT_MILLISECONDS: Final = 1_000


def _look(platform: LivePlatform) -> Observation:
    errors = platform.settings.errors
    most = errors.thresholds.latency_milliseconds if errors else _DEFAULT_MILLISECONDS
    seen = Observation()
    for service, api in platform.apis.values():
        address = f"{service.url}{api.health}"
        begin = time.monotonic()
        answers = _send(platform, address)
        seconds = time.monotonic() - begin
        milliseconds = round(quantiles([1000 * took for _, took in answers], n=20)[-1])
        failed = sum(status >= 400 for status, _ in answers)
        times = f"in {seconds:.1f} s: p95 {milliseconds} ms of {most} ms, {failed} failed"
        seen.measured[address] = f"{len(answers)} requests of {_CLIENTS} clients {times}"
        seen.expect(milliseconds <= most, f"{address}: p95 is {milliseconds} ms, and {most} ms are allowed")
        seen.expect(not failed, f"{address}: {failed} of {len(answers)} requests failed")
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


def _send(platform: LivePlatform, address: str) -> list[tuple[int, float]]:
    """Return status and seconds of each request; the clients share the requests."""

    def work(count: int) -> list[tuple[int, float]]:
        with platform.reader.allow(count):
            answers = [platform.reader.send("GET", address) for _ in range(count)]
        return [(answer.status, answer.seconds) for answer in answers]

    with ThreadPoolExecutor(_CLIENTS) as pool:
        shares = [_REQUESTS // _CLIENTS] * _CLIENTS
        return [answer for answers in pool.map(work, shares) for answer in answers]


CHECK: Final = ReadinessCheck(
    id="load-is-borne",
    title="/health answers in time while several clients ask at once",
    area="health",
    priority="medium",
    looks_at=(
        f"{_REQUESTS} requests of {_CLIENTS} clients to `api.health` of each API: errors, and the time of 95 "
        "% beside errors.thresholds.latency_milliseconds. It is a smoke test and says nothing of a peak."
    ),
    risk="The first users of a morning are enough to make the platform slow, or to use up its connections.",
    fix=(
        "Use a pool of connections to the database, and a cheap query for /health; measure with a real "
        "load test."
    ),
    controls=(Control.NIST_SC_5, Control.NIST_SI_4),
    look=_look,
    is_active=True,
    count_requests=lambda platform: _REQUESTS * len(platform.apis),
    limit_seconds=120.0,
)
