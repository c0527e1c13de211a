"""
Regions that do not answer, as in the outage of us-east-1 in October 2025, which took IAM along.

A request belongs to the region that it is signed for: IAM's to us-east-1. One that is not signed belongs to
none here.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from werkzeug.wrappers import Request

from core.state_folder import HOME_VARIABLE
from twin.aws.errors import AwsServiceError
from twin.aws.signatures import read_signature
from twin.host.home import TwinHome

_FOLDER: Final = "lost-regions"


@contextmanager
def lost_region(home: TwinHome, region: str) -> Generator[None]:
    """Let no service of a region answer meanwhile."""
    file = _file(home, region)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.touch(mode=0o600)
    try:
        yield
    finally:
        file.unlink()


def check_region(request: Request) -> None:
    """Raise AwsServiceError if the region of a request is lost on the twin of the environment."""
    root, signature = os.environ.get(HOME_VARIABLE), read_signature(request)
    if root and signature and _file(TwinHome(Path(root)), signature.region).exists():
        raise AwsServiceError(503, "ServiceUnavailable", f"Nothing in {signature.region} answers.")


def _file(home: TwinHome, region: str) -> Path:
    return home.aws / _FOLDER / region
