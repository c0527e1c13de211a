"""What of an OpenAPI document breaks the clients of an earlier one."""

from collections.abc import Iterator
from typing import Any, Final

from readiness.documented_api import ApiOperation, OpenApiObject, list_operations, resolve

_DEEPEST: Final = 8
"""Levels of a schema that are compared; recursive ones have no end."""

_MOST: Final = 50


def find_breaking_changes(released: OpenApiObject, document: OpenApiObject) -> list[str]:
    """Return a clause for each change that breaks a client, such as `GET /plans is gone`."""
    now = {(one.method, one.path): one for one in list_operations(document)}
    found: list[str] = []
    for before in list_operations(released):
        name = f"{before.method.upper()} {before.path}"
        after = now.get((before.method, before.path))
        if after is None:
            found.append(f"{name} is gone")
            continue
        comparison = _Comparison(released, document)
        found += [f"{name} {text}" for text in comparison.compare(before, after)]
    return found[:_MOST]


class _Comparison:
    """Compares an operation of the released document with that of the other one."""

    def __init__(self, released: OpenApiObject, document: OpenApiObject) -> None:
        self._released, self._document = released, document

    def compare(self, before: ApiOperation, after: ApiOperation) -> Iterator[str]:
        known = {(one.get("in"), one.get("name")) for one in before.list_parameters(self._released)}
        required_before = {
            (one.get("in"), one.get("name"))
            for one in before.list_parameters(self._released)
            if one.get("required")
        }
        for parameter in after.list_parameters(self._document):
            key = (parameter.get("in"), parameter.get("name"))
            if parameter.get("required") and key not in required_before:
                yield f"demands {'the new ' if key not in known else ''}parameter {parameter.get('name')}"
        if after.is_secured(self._document) and not before.is_secured(self._released):
            yield "demands credentials"
        yield from self._compare_requests(before, after)
        yield from self._compare_answers(before, after)

    def _compare_requests(self, before: ApiOperation, after: ApiOperation) -> Iterator[str]:
        old = resolve(self._released, before.content.get("requestBody"))
        new = resolve(self._document, after.content.get("requestBody"))
        if new.get("required") and not old.get("required"):
            yield "demands a body"
        for media_type, content in resolve(self._released, old.get("content")).items():
            there = resolve(self._document, new.get("content")).get(media_type)
            if there is None:
                yield f"takes no {media_type} any more"
                continue
            was = resolve(self._released, resolve(self._released, content).get("schema"))
            now = resolve(self._document, resolve(self._document, there).get("schema"))
            for field in _names(now.get("required")):
                if field not in _names(was.get("required")):
                    yield f"demands the field {field}"

    def _compare_answers(self, before: ApiOperation, after: ApiOperation) -> Iterator[str]:
        answers = resolve(self._document, after.content.get("responses"))
        for status, response in resolve(self._released, before.content.get("responses")).items():
            if not status.startswith("2"):
                continue
            if status not in answers:
                yield f"answers no {status} any more"
                continue
            old = resolve(self._released, resolve(self._released, response).get("content"))
            new = resolve(self._document, resolve(self._document, answers[status]).get("content"))
            for media_type, content in old.items():
                if media_type not in new:
                    yield f"answers no {media_type} any more"
                    continue
                yield from self._compare_schemas(
                    resolve(self._released, content).get("schema"),
                    resolve(self._document, new[media_type]).get("schema"),
                    "",
                    _DEEPEST,
                )

    def _compare_schemas(self, old: Any, new: Any, path: str, depth: int) -> Iterator[str]:
        """Yield what a reader of the answer no longer finds."""
        was, now = resolve(self._released, old), resolve(self._document, new)
        types, types_now = _types(was), _types(now)
        if types and types_now and not types_now <= types:
            other = ", ".join(sorted(types_now - types))
            yield f"answers {path or 'a body'} as {other}, which was {', '.join(sorted(types))}"
        if depth == 0:
            return
        fields = resolve(self._document, now.get("properties"))
        for field, schema in resolve(self._released, was.get("properties")).items():
            place = f"{path}.{field}" if path else field
            if field not in fields:
                yield f"answers no {place} any more"
            elif field in _names(was.get("required")) and field not in _names(now.get("required")):
                yield f"may leave out {place}"
            else:
                yield from self._compare_schemas(schema, fields[field], place, depth - 1)
        if "items" in was:
            yield from self._compare_schemas(was["items"], now.get("items"), f"{path}[]", depth - 1)


def _types(schema: OpenApiObject) -> set[str]:
    found = schema.get("type")
    types = (
        set(_names(found)) if isinstance(found, list) else {found} if isinstance(found, str) else set[str]()
    )
    return types | {"integer"} if "number" in types else types


def _names(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
