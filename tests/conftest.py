"""What every test can ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from installations import Installation, make_installation, remove

__all__ = ["Installation", "make_installation", "remove"]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """Give one test an installation of its own."""
    made = make_installation(tmp_path / "checkout")
    yield made
    remove(made)
