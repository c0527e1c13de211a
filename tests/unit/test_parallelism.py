"""How much `up` does at once: as much as the vendor with the lowest limit of requests answers."""

from dataclasses import replace

import pytest

from cli import deploy
from engine import stack_target

PRODUCTION = stack_target.find("prod", on_twin=False)


@pytest.mark.parametrize(("plan", "at_once"), [("solo", 1), ("team", 3), ("enterprise", 6)])
def test_the_plan_says_how_many_resources_are_made_at_once(plan: str, at_once: int) -> None:
    uptime = PRODUCTION.settings.uptime.model_copy(update={"plan": plan})
    space = replace(PRODUCTION, settings=PRODUCTION.settings.model_copy(update={"uptime": uptime}))
    assert deploy.at_once(space) == at_once


def test_the_twin_has_no_limit() -> None:
    assert deploy.at_once(stack_target.find("prod", on_twin=True)) is None
