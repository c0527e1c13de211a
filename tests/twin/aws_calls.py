"""Calls to AWS as botocore sends them, and what the twin's authorization answers to each."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import botocore.session
from botocore import UNSIGNED
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.model import ListShape, MapShape, Shape, StructureShape
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Response

from twin.aws.authorization import add_authorization

REGION: Final = "eu-west-1"
_SESSION: Final = botocore.session.Session()
_VALUES: Final = {"string": "x", "integer": 7, "long": 7, "boolean": True, "blob": b"x", "timestamp": 0}
_AUTHORIZED: Final = 299


@dataclass(frozen=True)
class Call:
    """One request: how it is named, the service, and what is sent."""

    name: str
    service: str
    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def list_operations(service: str) -> list[str]:
    """Return the names of all operations that a service has, by botocore's description of it."""
    return list(_SESSION.get_service_model(service).operation_names)


def prepare(service: str, operation: str, name: str, region: str = REGION, **given: Any) -> Call:
    """
    Return a call of an operation, with a value for each required parameter that is not given.

    Args:
        service: The service's name.
        operation: The operation's name, such as PutObject.
        name: How the call is named.
        region: The region that the request is for.
        given: Parameters by name; those that the operation doesn't have are left out.
    """
    shape = _SESSION.get_service_model(service).operation_model(operation).input_shape
    has = shape.members if isinstance(shape, StructureShape) else {}
    parameters = {key: value for key, value in given.items() if key in has}
    if isinstance(shape, StructureShape):
        parameters |= {
            key: _sample(shape.members[key]) for key in shape.required_members if key not in parameters
        }
    sent: list[AWSPreparedRequest] = []

    def keep(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 500, HTTPHeaders(), _Nothing())

    client: Any = _client(service, region)
    client.meta.events.register("before-send", keep, unique_id="keep")
    try:
        client._make_api_call(operation, parameters)  # noqa: SLF001 - by the operation's name
    except Exception:  # the answer is none that the operation has
        if not sent:
            raise
    finally:
        client.meta.events.unregister("before-send", unique_id="keep")
    request = sent[0]
    body = request.body if isinstance(request.body, bytes) else (request.body or "")
    headers = {
        key: value.decode() if isinstance(value, bytes) else value for key, value in request.headers.items()
    }
    scope = f"20300101/{region}/{service}/aws4_request"
    signed = f"SignedHeaders=host, Signature={'0' * 64}"
    headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential=AKIA/{scope}, {signed}"
    return Call(
        name,
        service,
        request.method,
        request.url,
        headers,
        body.encode() if isinstance(body, str) else _read(body),
    )


def find_refusal(call: Call) -> str:
    """Return the error with which a call is refused; empty if it is authorized."""
    path, _, query = call.url.partition("://")[2].partition("/")[2].partition("?")
    environ = EnvironBuilder(
        path=f"/{path}",
        query_string=query,
        method=call.method,
        headers=list(call.headers.items()),
        data=call.body,
    ).get_environ()
    application = add_authorization(call.service, Response(status=_AUTHORIZED))
    body, status, _ = run_wsgi_app(application, environ, buffered=True)
    return "" if status.startswith(str(_AUTHORIZED)) else f"{status} {b''.join(body).decode()}"


_CLIENTS: dict[tuple[str, str], Any] = {}


def _client(service: str, region: str) -> Any:
    if (service, region) not in _CLIENTS:
        config = Config(
            parameter_validation=False,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            signature_version=UNSIGNED,
        )
        _CLIENTS[service, region] = _SESSION.create_client(
            service, region_name=region, endpoint_url="http://127.0.0.1:9", config=config
        )
    return _CLIENTS[service, region]


def _sample(shape: Shape) -> Any:
    match shape:
        case StructureShape():
            return {name: _sample(shape.members[name]) for name in shape.required_members}
        case ListShape():
            return [_sample(shape.member)]
        case MapShape():
            return {}
        case _:
            if enum := getattr(shape, "enum", None):
                return enum[0]
            return json.dumps({}) if shape.name.endswith("Document") else _VALUES.get(shape.type_name, "x")


def _read(body: Any) -> bytes:
    return body if isinstance(body, bytes) else body.read()


class _Nothing:
    """An empty body."""

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield b""
