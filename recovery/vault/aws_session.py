"""Sessions of botocore that read each description of an AWS service once for all of them."""

from functools import cache
from typing import Any

import botocore.loaders
import botocore.session


def open_session(*, profile: str | None = None) -> Any:
    """
    Return a session of its own: its credentials and handlers are no other's.

    A plain session reads the descriptions (the endpoints, S3's operations) for itself, and with them a client
    takes three times as long to make.
    """
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _loader())
    return session


@cache
def _loader() -> Any:
    path = botocore.session.Session().get_config_variable("data_path")  # AWS_DATA_PATH
    return botocore.loaders.create_loader(path)
