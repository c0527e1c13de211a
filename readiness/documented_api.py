"""The OpenAPI document of an API, as it shows it itself: a document of others, read within limits."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from core.documents import DocumentError, parse_json
from core.failure import Failure
from readiness.http_reader import MAX_BODY_BYTES
from readiness.live_platform import LivePlatform

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MOST_OPERATIONS: Final = 500
_LONGEST_CHAIN: Final = 20
"""References that lead to references."""

OpenApiObject = dict[str, Any]


@dataclass(frozen=True)
class ApiOperation:
    """One operation of a document: its method in lower case, its path, and what the document says of it."""

    method: str
    path: str
    content: OpenApiObject
    shared: OpenApiObject
    """What the path says for all of its operations."""

    def list_parameters(self, document: OpenApiObject) -> list[OpenApiObject]:
        """Return the parameters, those of the path too."""
        found: list[Any] = [*_list(self.shared.get("parameters")), *_list(self.content.get("parameters"))]
        return [resolve(document, one) for one in found]

    def is_secured(self, document: OpenApiObject) -> bool:
        """Tell whether the operation demands credentials."""
        demanded = self.content.get("security", document.get("security"))
        return bool(demanded) and all(isinstance(one, dict) and one for one in _list(demanded))


def read_document(platform: LivePlatform, address: str) -> OpenApiObject:
    """
    Return the document at an address.

    Raises:
        Failure: there is no answer.
        DocumentError: it is no JSON object, or the address answers with another status than 200.
    """
    answer = platform.reader.get(address)
    if answer.status != 200:
        raise DocumentError(f"it answers with HTTP {answer.status}")
    if not answer.is_whole:
        raise DocumentError(f"it is larger than {MAX_BODY_BYTES:,} bytes")
    parsed = parse_json(answer.body, max_bytes=MAX_BODY_BYTES)
    if not isinstance(parsed, dict):
        raise DocumentError("it is no JSON object")
    return cast("OpenApiObject", parsed)


def list_foreign_references(document: OpenApiObject) -> list[str]:
    """Return the references that lead out of a document; nothing follows them."""
    found: dict[str, None] = {}
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            reference = cast("OpenApiObject", value).get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                found[reference] = None
            waiting += value.values()
        elif isinstance(value, list):
            waiting += cast("list[Any]", value)
    return list(found)


def drop_patterns(document: OpenApiObject) -> OpenApiObject:
    """Return a copy without regular expressions, which could take for ever."""
    return json.loads(
        json.dumps(document),
        object_hook=lambda item: {
            name: value for name, value in item.items() if name not in {"pattern", "patternProperties"}
        },
    )


def list_operations(document: OpenApiObject) -> list[ApiOperation]:
    """Return the operations of a document, also of one that breaks the specification."""
    found: list[ApiOperation] = []
    for path, item in _dict(document.get("paths")).items():
        shared = resolve(document, item)
        found += [
            ApiOperation(method, path, cast("OpenApiObject", shared[method]), shared)
            for method in _METHODS
            if isinstance(shared.get(method), dict)
        ]
    return found[:_MOST_OPERATIONS]


def resolve(document: OpenApiObject, value: Any) -> OpenApiObject:
    """Return an object of a document; where it refers to another one of the document, that one."""
    for _ in range(_LONGEST_CHAIN):
        found = _dict(value)
        reference = found.get("$ref")
        if not isinstance(reference, str):
            return found
        value = _find(document, reference)
    return {}


def _find(document: OpenApiObject, reference: str) -> Any:
    if not reference.startswith("#/"):
        return None
    found: Any = document
    for step in reference[2:].split("/"):
        found = _dict(found).get(step.replace("~1", "/").replace("~0", "~"))
    return found


def is_safe(document: OpenApiObject, operation: ApiOperation) -> bool:
    """Tell whether an operation can be called by anybody without knowing anything, and changes nothing."""
    demanded = [one for one in operation.list_parameters(document) if one.get("required")]
    return operation.method == "get" and "{" not in operation.path and not demanded


def list_safe_addresses(platform: LivePlatform) -> Iterator[str]:
    """Yield the addresses of each API's documented GETs that need neither parameters nor credentials."""
    for service, api in platform.apis.values():
        try:
            document = read_document(platform, f"{service.url}{api.document}")
        except (DocumentError, Failure):
            continue  # other checks say so
        for operation in list_operations(document):
            if is_safe(document, operation) and not operation.is_secured(document):
                yield f"{service.url}{operation.path}"


def find_schema(document: OpenApiObject, response: Mapping[str, Any], media_type: str) -> Any:
    """Return the schema of a response for a media type; None if the document has none."""
    content = _dict(resolve(document, dict(response)).get("content"))
    found = content.get(media_type) or content.get("*/*")
    return _dict(found).get("schema")


def _dict(value: Any) -> OpenApiObject:
    return cast("OpenApiObject", value) if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []
