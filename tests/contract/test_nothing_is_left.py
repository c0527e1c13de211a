"""The whole stack through the vendors' own providers, and away again."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from installations import Installation, make_installation, remove
from inventory import vendor_objects

from toolchain.providers import VARIABLE


@pytest.fixture
def installation(real_plugins: Path, tmp_path: Path) -> Iterator[Installation]:
    made = make_installation(tmp_path / "checkout", **{VARIABLE: str(real_plugins)})
    yield made
    remove(made)


def test_destroy_leaves_nothing_at_the_vendors_that_up_made(installation: Installation) -> None:
    done = installation.bulwark("up", "--providers", "real", "--json", timeout_seconds=600)
    assert done.code == 0, done.text[-4_000:]
    assert {vendor for vendor, _ in vendor_objects(installation)} == {"neon", "uptimerobot", "sentry"}
    gone = installation.bulwark("destroy", "--json", timeout_seconds=600)
    assert (gone.code, vendor_objects(installation)) == (0, {}), gone.text[-4_000:]
