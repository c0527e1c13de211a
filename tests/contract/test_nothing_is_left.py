"""The local stack through the vendors' own providers: tried as docs/production.md says, and away again."""

import shlex

import pytest
from installations import Installation
from inventory import vendor_objects
from test_real_newcomer import SECTIONS

UP, *COMMANDS = SECTIONS[2]


@pytest.fixture(scope="module")
def deployed(failing: Installation) -> Installation:
    assert UP == "./bulwark up"
    done = failing.bulwark("up", "--providers", "real", timeout_seconds=600)
    assert done.code == 0, done.text[-4_000:]
    return failing


@pytest.mark.parametrize("line", COMMANDS)
def test_what_the_guide_tries_first_passes_through_the_real_providers(
    deployed: Installation, line: str
) -> None:
    done = deployed.bulwark(*shlex.split(line)[1:], timeout_seconds=600)
    assert done.code == 0, done.text[-4_000:]


def test_destroy_leaves_nothing_at_the_vendors_that_up_made(deployed: Installation) -> None:
    assert {vendor for vendor, _ in vendor_objects(deployed)} == {"neon", "uptimerobot", "sentry"}
    gone = deployed.bulwark("destroy", timeout_seconds=600)
    assert vendor_objects(deployed) == {}, gone.text[-4_000:]
