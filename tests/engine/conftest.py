"""
Deployed stacks for all tests of the engine: each is made once per run, by `./bulwark up`.

Tests leave them as they found them. Their files' names keep them in one process: see ../conftest.py.
"""

from collections.abc import Iterator

import pytest
from deployment import Deployment
from fast_twin import Living, living_stack
from installations import Installation, make_installation, remove

__all__ = ["Installation", "make_installation", "remove"]


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the unchanged Pulumi.prod.yaml, deployed on a twin; for files called test_components_*."""
    yield from _deployed(tmp_path_factory, "prod", "--twin", "--yes")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Give the local stack, deployed with its sample platform; for files called test_deployed_*."""
    yield from _deployed(tmp_path_factory, "local")


def _deployed(factory: pytest.TempPathFactory, stack: str, *options: str) -> Iterator[Deployment]:
    installation = make_installation(factory.mktemp(stack) / "checkout")
    try:
        ended = installation.bulwark("up", "--stack", stack, *options, timeout_seconds=300)
        assert ended.code == 0, ended.text[-4_000:]
        yield Deployment(installation, stack)
    finally:
        remove(installation)


@pytest.fixture(scope="session")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Give a local stack that may be broken, if it is mended again; see tests/engine/fast_twin.py."""
    yield from living_stack(tmp_path_factory.mktemp("living") / "checkout")
