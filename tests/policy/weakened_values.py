"""Ways to weaken an argument."""

import json
from collections.abc import Callable
from typing import Any, Final

GONE: Final = object()
"""As a value: the input is not given."""

REMOVED: Final = "left:out:Resource"
"""As a value, without a field: the resource becomes a component, known to no vendor."""

Weakening = Callable[[Any], str]


def without(sid: str) -> Weakening:
    """Leave a statement out of a policy document."""
    return _document(lambda statements: [one for one in statements if one.get("Sid", "") != sid], sid)


def but(sid: str, **changes: Any) -> Weakening:
    """Change a statement of a policy document; None takes an element away."""

    def change(statements: list[Any]) -> list[Any]:
        return [_change(one, changes) if one.get("Sid", "") == sid else one for one in statements]

    return _document(change, sid)


def allowed(action: str | list[str], resource: str, **more: Any) -> dict[str, Any]:
    """Return a statement that allows something."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def given(*statements: dict[str, Any]) -> str:
    """Return a policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allowing(action: str | list[str], resource: str, **more: Any) -> Weakening:
    """Add a statement to a policy document."""
    statement = allowed(action, resource, **more)
    return _document(lambda statements: [*statements, statement])


def anyone(value: str) -> Callable[[Any], str]:
    """Give a value in clear instead of as a secret."""
    return lambda _: value


def only(position: int) -> Callable[[Any], list[Any]]:
    """Leave one entry of a list."""
    return lambda entries: [entries[position]]


def _change(statement: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**statement, **changes}.items() if value is not None}


def _document(change: Callable[[list[Any]], list[Any]], sid: str | None = None) -> Weakening:
    def weaken(text: Any) -> str:
        document = json.loads(text)
        statements = document["Statement"]
        assert sid is None or sid in {one.get("Sid", "") for one in statements}, sid
        return json.dumps({**document, "Statement": change(statements)})

    return weaken
