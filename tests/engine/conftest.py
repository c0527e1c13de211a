"""Deployed stacks for all tests of the engine: each is made once per run, by `./bulwark up`."""

from collections.abc import Iterator

import pytest
from deployment import Deployment
from installations import Installation, make_installation, remove

__all__ = ["Installation", "make_installation", "remove"]

_SHARED = ("production", "deployed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the users of a shared stack in one process (`--dist loadgroup`), so that it is deployed once."""
    for item in items:
        used = [name for name in _SHARED if name in getattr(item, "fixturenames", ())]
        if used:
            item.add_marker(pytest.mark.xdist_group(used[0]))


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the unchanged Pulumi.prod.yaml, deployed on a twin; for tests that change nothing."""
    yield from _deployed(tmp_path_factory, "prod", "--twin", "--yes")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the local stack, deployed with its sample platform; for tests that leave it as they found it."""
    yield from _deployed(tmp_path_factory, "local")


def _deployed(factory: pytest.TempPathFactory, stack: str, *options: str) -> Iterator[Deployment]:
    installation = make_installation(factory.mktemp(stack) / "checkout")
    try:
        ended = installation.bulwark("up", "--stack", stack, *options, timeout_seconds=300)
        assert ended.code == 0, ended.text[-4_000:]
        yield Deployment(installation, stack)
    finally:
        remove(installation)
