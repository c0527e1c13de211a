"""The local stack through the vendors' own providers: used as docs/production.md says, and destroyed."""

import shlex

import pytest
from installations import Installation
from inventory import count_vendor_objects
from test_real_newcomer import SECTIONS

pytestmark = pytest.mark.shares("failing")

UP, *COMMANDS = SECTIONS[2]


@pytest.fixture(scope="module")
def deployed(failing: Installation) -> Installation:
    assert UP == "./bulwark up"
    done = failing.bulwark("up", "--providers", "real", timeout_seconds=600)
    assert done.code == 0, done.text[-4_000:]
    return failing


@pytest.mark.parametrize("line", COMMANDS)
def test_the_first_commands_of_the_guide_pass_through_the_real_providers(
    deployed: Installation, line: str
) -> None:
    done = deployed.bulwark(*shlex.split(line)[1:], timeout_seconds=600)
    assert done.code == 0, done.text[-4_000:]


def test_destroy_leaves_nothing_at_the_vendors_that_up_made(deployed: Installation) -> None:
    assert {vendor for vendor, _ in count_vendor_objects(deployed)} == {
        "neon",
        "pagerduty",
        "sentry",
        "uptimerobot",
        "vercel",
    }
    gone = deployed.bulwark("destroy", timeout_seconds=600)
    assert count_vendor_objects(deployed) == {}, gone.text[-4_000:]
