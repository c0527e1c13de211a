"""
S3's refusal of a setting of a bucket while another one of it is being written: 409, OperationAborted.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and
https://github.com/hashicorp/terraform-provider-aws/issues/33552.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any


class ConflictingSettingError(Exception):
    """Another setting of the bucket is being written."""


class SettingsInProgress:
    """The buckets of which a setting is being written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._buckets: set[str] = set()

    @contextmanager
    def write(self, environ: dict[str, Any]) -> Generator[None]:
        """
        Hold the bucket whose setting a request writes, if it writes one.

        Raises:
            ConflictingSettingError: another request holds it.
        """
        bucket = _find_bucket(environ)
        if not bucket:
            yield
            return
        with self._lock:
            if bucket in self._buckets:
                raise ConflictingSettingError
            self._buckets.add(bucket)
        try:
            yield
        finally:
            with self._lock:
                self._buckets.remove(bucket)


def _find_bucket(environ: dict[str, Any]) -> str:
    """Return the bucket of a request such as `PUT /bucket?versioning`; empty for any other request."""
    bucket, _, key = environ["PATH_INFO"].strip("/").partition("/")
    writes = environ["REQUEST_METHOD"] in {"PUT", "DELETE"} and environ["QUERY_STRING"]
    return bucket if writes and not key else ""
