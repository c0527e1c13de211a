"""Two settings of one bucket at the same time: S3 refuses the second, and the provider repeats it."""

import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Response

from twin.aws.service import DurableService
from twin.aws.snapshot import AccountSnapshot


class NoSnapshot:
    def collect(self) -> None: ...
    def write(self) -> None: ...


class SlowS3:
    """Answers 200, and `PUT /vault?versioning` only when it may."""

    def __init__(self) -> None:
        self.arrived, self.may_answer = threading.Event(), threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/vault" and environ["QUERY_STRING"] == "versioning":
            self.arrived.set()
            assert self.may_answer.wait(20)
        return Response("")(environ, start_response)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/vault?encryption", 409),
        ("DELETE", "/vault?policy", 409),
        ("PUT", "/another?encryption", 200),
        ("PUT", "/vault/key?tagging", 200),
        ("GET", "/vault?policy", 200),
    ],
)
def test_s3_refuses_a_setting_while_another_one_of_the_bucket_is_written(
    method: str, path: str, status: int
) -> None:
    s3 = SlowS3()
    service = DurableService(cast("AccountSnapshot", NoSnapshot()), lambda _service: s3)

    def send(method: str, path: str) -> TestResponse:
        return Client(service).open(path, method=method)

    with ThreadPoolExecutor() as pool:
        first = pool.submit(send, "PUT", "/vault?versioning")
        assert s3.arrived.wait(20)
        second = pool.submit(send, method, path)
        if status == 409:
            assert second.result(20).status_code == 409
            assert "<Code>OperationAborted</Code>" in second.result().text
        s3.may_answer.set()
        assert first.result(20).status_code == 200
        assert second.result(20).status_code == status
    assert send(method, path).status_code == 200
