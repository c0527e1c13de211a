"""How many resources `up` makes at once: as many as the vendor with the lowest limit of requests allows."""

from dataclasses import replace

import pytest

from engine.targets import find_target

PRODUCTION = find_target("prod", on_twin=False)


@pytest.mark.parametrize(("plan", "parallelism"), [("solo", 1), ("team", 3), ("enterprise", 6)])
def test_uptimerobots_plan_limits_how_many_resources_are_made_at_once(plan: str, parallelism: int) -> None:
    assert PRODUCTION.settings.uptime
    uptime = PRODUCTION.settings.uptime.model_copy(update={"plan": plan})
    target = replace(PRODUCTION, settings=PRODUCTION.settings.model_copy(update={"uptime": uptime}))
    assert target.parallelism == parallelism


def test_the_twin_has_no_limit_of_resources_made_at_once() -> None:
    assert find_target("prod", on_twin=True).parallelism is None
