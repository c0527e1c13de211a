"""The production files, as the engine holds them."""

import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")


def test_no_resource_is_created_for_files_that_exist_elsewhere(production: Deployment) -> None:
    assert not production["files"].custom
    assert production.children("files") == {}
