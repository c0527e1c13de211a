"""The AWS service that tests of authorization share."""

from collections.abc import Generator

import pytest
from aws_role import create_role_and_bucket
from aws_twin import Service, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """Run a service with the role `reader` and the bucket `vault`, for who shares "aws-authorization"."""
    with running_service(tmp_path_factory.mktemp("twin")) as service:
        create_role_and_bucket(service)
        yield service
