"""The AWS services that tests of authorization, and those of alarms, share."""

from collections.abc import Generator

import pytest
from alarmed_account import AlarmedAccount, receiving
from aws_role import create_role_and_bucket
from aws_twin import Service, running_service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    """Run a service with the role `reader` and the bucket `vault`, for who shares "aws-authorization"."""
    with running_service(tmp_path_factory.mktemp("twin")) as service:
        create_role_and_bucket(service)
        yield service


@pytest.fixture(scope="session")
def alarmed_account(tmp_path_factory: pytest.TempPathFactory) -> Generator[AlarmedAccount]:
    """Run a service with an account that has alarms, for who shares "aws-alarms"."""
    with running_service(tmp_path_factory.mktemp("twin")) as service, receiving() as receiver:
        yield AlarmedAccount(service, receiver)
