"""Shapes of inputs, and their translation to and from the names of AWS's API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from twin.provider.schema import Field, ListOf, MapOf, ObjectSchema, Scalar, Type

TEXT = Scalar("string")
WHOLE = Scalar("integer")
FLAG = Scalar("boolean")
DOCUMENT = Scalar("any")
"""A policy: JSON text or an object."""
TAGS = MapOf(TEXT)

_API_NAMES = {
    "id": "ID",
    "sseAlgorithm": "SSEAlgorithm",
    "kmsMasterKeyId": "KMSMasterKeyID",
    "replicaKmsKeyId": "ReplicaKmsKeyID",
}
_OWN_NAMES = {api: own for own, api in _API_NAMES.items()}


def block(fields: Mapping[str, Type]) -> ObjectSchema:
    """Declare an object; a name that ends in `!` is required."""
    return ObjectSchema(
        {name.rstrip("!"): Field(type_, required=name.endswith("!")) for name, type_ in fields.items()}
    )


def status_block() -> ObjectSchema:
    """Declare S3's frequent `{status}`."""
    return block({"status!": TEXT})


def several(fields: Mapping[str, Type]) -> ListOf:
    """Declare a list of objects."""
    return ListOf(block(fields))


def to_api(value: Any) -> Any:
    """Translate inputs for S3's API: names in its spelling, `tags` maps as lists, nothing that is None."""
    match value:
        case dict():
            given: dict[str, Any] = value
            return {
                _api_name(name): pairs(item) if name == "tags" else to_api(item)
                for name, item in given.items()
                if item is not None
            }
        case list():
            items: list[Any] = value
            return [to_api(item) for item in items]
        case _:
            return value


def from_api(value: Any) -> Any:
    """Translate S3's answers back; dates become RFC 3339."""
    match value:
        case dict():
            answer: dict[str, Any] = value
            return {
                _own_name(name): unpaired(item) if name == "Tags" else from_api(item)
                for name, item in answer.items()
            }
        case list():
            items: list[Any] = value
            return [from_api(item) for item in items]
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return value


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as AWS wants them; KMS has names of its own for the two members."""
    return [{key: name, value: content} for name, content in tags.items()]


def unpaired(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag.get(value, "") for tag in tags}


def _api_name(name: str) -> str:
    return _API_NAMES.get(name) or name[:1].upper() + name[1:]


def _own_name(name: str) -> str:
    return _OWN_NAMES.get(name) or name[:1].lower() + name[1:]
