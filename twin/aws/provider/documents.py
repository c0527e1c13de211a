"""IAM policy documents: what AWS accepts, and which two of them say the same."""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from twin.provider.rules import InputRule
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties, has_unknown

Use = Literal["bucket", "key", "identity", "trust"]
"""What a document is attached to; each has elements of its own that are required or forbidden."""

_VERSIONS = ("2012-10-17", "2008-10-17")
_ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
_SID = {"identity": r"[A-Za-z0-9]*", "trust": r"[A-Za-z0-9]*"}
_ROOT = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):root")


def policy(name: str, use: Use, most_characters: int) -> InputRule:
    """
    Judge the document in input `name` as AWS would when it is attached.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        document = inputs.get(name)
        if document is None or has_unknown(document):
            return
        problem = _problem(document, use)
        if problem is None and len(re.sub(r"\s", "", as_text(document))) > most_characters:
            problem = f"it has more than {most_characters} characters"
        if problem:
            yield InputRefusal(name, f"{name} is no valid policy document: {problem}")

    return rule


def as_text(document: Any) -> str:
    """Return a document as JSON; the SDK takes objects as well."""
    return document if isinstance(document, str) else json.dumps(document)


def canonical(document: Any) -> Any:
    """Bring a document into the form in which equal meaning is equal value (order, single or list, root)."""
    if document is None or document is UNKNOWN:
        return document
    try:
        parsed: dict[str, Any] = json.loads(as_text(document))
    except ValueError:
        return document
    statements = [_canonical_statement(statement) for statement in listed(parsed.get("Statement"))]
    return {**parsed, "Statement": sorted(statements, key=_order)}


def statements(document: Any) -> list[dict[str, Any]]:
    """Return the statements of a valid document."""
    return listed(json.loads(as_text(document))["Statement"])


def listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def principals(document: Any, kind: str) -> list[str]:
    """Return the principals of one kind (AWS, Service, Federated) in all statements."""
    named = [statement.get("Principal") for statement in statements(document)]
    return [name for each in named if isinstance(each, dict) for name in listed(each.get(kind))]


def _problem(document: Any, use: Use) -> str | None:
    try:
        parsed = json.loads(as_text(document))
    except ValueError as wrong:
        return f"it is not JSON ({wrong})"
    if not isinstance(parsed, dict):
        return "it is not an object"
    whole: dict[str, Any] = parsed
    if unknown := sorted(whole.keys() - {"Version", "Id", "Statement"}):
        return f"there is no element {unknown[0]}"
    if whole.get("Version") not in _VERSIONS:
        return f"Version must be one of {', '.join(_VERSIONS)}"
    if not listed(whole.get("Statement")):
        return "Statement is missing or empty"
    for number, statement in enumerate(listed(whole["Statement"])):
        if problem := _statement_problem(statement, use):
            return f"Statement[{number}]: {problem}"
    sids = [statement["Sid"] for statement in listed(whole["Statement"]) if "Sid" in statement]
    return "two statements have the same Sid" if len(sids) != len(set(sids)) else None


def _statement_problem(statement: Any, use: Use) -> str | None:
    if not isinstance(statement, dict):
        return "it is not an object"
    given: dict[str, Any] = statement
    if unknown := sorted(given.keys() - _ELEMENTS):
        return f"there is no element {unknown[0]}"
    if given.get("Effect") not in {"Allow", "Deny"}:
        return "Effect must be Allow or Deny"
    for element in ("Action", "Resource", "Principal"):
        if problem := _element_problem(given, element, use):
            return problem
    if not re.fullmatch(_SID.get(use, r"(?s).*"), str(given.get("Sid", ""))):
        return "Sid may only have letters and digits"
    if any(":" not in str(action) and action != "*" for action in listed(given.get("Action"))):
        return "an Action must be service:Name or *"
    return None


def _element_problem(statement: dict[str, Any], element: str, use: Use) -> str | None:
    present = [name for name in (element, f"Not{element}") if name in statement]
    allowed = element == "Action" or use != {"Principal": "identity", "Resource": "trust"}[element]
    if not present:
        return f"{element} is missing" if allowed else None
    if not allowed:
        return f"{present[0]} is not allowed in a policy of this kind"
    if len(present) > 1:
        return f"{present[0]} and {present[1]} exclude each other"
    return None if listed(statement[present[0]]) else f"{present[0]} is empty"


def _canonical_statement(statement: dict[str, Any]) -> dict[str, Any]:
    result = dict(statement)
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        if element in result:
            result[element] = sorted(map(str, listed(result[element])))
    for element in ("Principal", "NotPrincipal"):
        if element in result:
            named = {"AWS": "*"} if result[element] == "*" else result[element]
            result[element] = {
                kind: sorted(_ROOT.sub(r"\1", str(name)) for name in listed(names))
                for kind, names in named.items()
            }
    if "Condition" in result:
        result["Condition"] = {
            operator: {key: sorted(_text(value) for value in listed(values)) for key, values in keys.items()}
            for operator, keys in result["Condition"].items()
        }
    return result


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
