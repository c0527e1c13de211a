"""Types of inputs, and the translation between the provider's names and those of AWS's API."""

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
_PROVIDER_NAMES = {api: own for own, api in _API_NAMES.items()}


def block(fields: Mapping[str, Type]) -> ObjectSchema:
    """Declare an object; a property whose name ends in `!` is required."""
    return ObjectSchema(
        {name.rstrip("!"): Field(type_, required=name.endswith("!")) for name, type_ in fields.items()}
    )


def status_block() -> ObjectSchema:
    """Declare the object `{status}`, which many S3 settings have."""
    return block({"status!": TEXT})


def block_list(fields: Mapping[str, Type]) -> ListOf:
    """Declare a list of objects."""
    return ListOf(block(fields))


def to_api(value: Any) -> Any:
    """Translate inputs for S3's API: S3's names, tags as lists, no property that is None."""
    match value:
        case dict():
            properties: dict[str, Any] = value
            return {
                _api_name(name): tags_to_api(item) if name == "tags" else to_api(item)
                for name, item in properties.items()
                if item is not None
            }
        case list():
            items: list[Any] = value
            return [to_api(item) for item in items]
        case _:
            return value


def from_api(value: Any) -> Any:
    """Translate a response of S3 to the provider's names; dates become RFC 3339."""
    match value:
        case dict():
            members: dict[str, Any] = value
            return {
                _provider_name(name): tags_from_api(item) if name == "Tags" else from_api(item)
                for name, item in members.items()
            }
        case list():
            items: list[Any] = value
            return [from_api(item) for item in items]
        case datetime():
            return value.strftime("%Y-%m-%dT%H:%M:%SZ")
        case _:
            return value


def tags_to_api(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Return tags as a list of pairs; KMS names the members TagKey and TagValue."""
    return [{key: name, value: content} for name, content in tags.items()]


def tags_from_api(tags: list[dict[str, str]], key: str = "Key", value: str = "Value") -> dict[str, str]:
    return {tag[key]: tag.get(value, "") for tag in tags}


def _api_name(name: str) -> str:
    return _API_NAMES.get(name) or name[:1].upper() + name[1:]


def _provider_name(name: str) -> str:
    return _PROVIDER_NAMES.get(name) or name[:1].lower() + name[1:]
