"""
Deployed stacks for all tests of the engine: each is made once per run, by `./bulwark up`.

Tests leave them as they found them, and are marked with the name of the fixture: see ../sharing.py.
"""

from collections.abc import Iterator

import pytest
from deployment import Deployment
from fast_twin import FastTwin, deploy_fast_twin
from installations import Installation, make_installation, remove

__all__ = ["Installation", "make_installation", "remove"]


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the unchanged Pulumi.prod.yaml, deployed on a twin."""
    yield from _deploy(tmp_path_factory, "prod", "--twin", "--yes")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the local stack, deployed with its sample platform."""
    yield from _deploy(tmp_path_factory, "local")


def _deploy(factory: pytest.TempPathFactory, stack: str, *options: str) -> Iterator[Deployment]:
    installation = make_installation(factory.mktemp(stack) / "checkout")
    try:
        ended = installation.bulwark("up", "--stack", stack, *options, timeout_seconds=300)
        assert ended.code == 0, ended.text[-4_000:]
        yield Deployment(installation, stack)
    finally:
        remove(installation)


@pytest.fixture(scope="session")
def fast_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastTwin]:
    """Give a local stack that tests may break and must repair; see fast_twin.py."""
    yield from deploy_fast_twin(tmp_path_factory.mktemp("fast-twin") / "checkout")
