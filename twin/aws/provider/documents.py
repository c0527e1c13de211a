"""IAM policy documents: the rules that AWS checks, and a normal form to compare them by."""

import json
import re
from collections.abc import Iterator
from typing import Any, Literal

from twin.provider.rules import InputRule
from twin.provider.server import InputRefusal
from twin.provider.values import UNKNOWN, Properties, has_unknown

Use = Literal["bucket", "key", "identity", "trust"]
"""What a document is attached to; it decides which elements are required or forbidden."""

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


def policy_document(name: str, use: Use, most_characters: int) -> InputRule:
    """
    Require that input `name` is a policy document that AWS accepts for `use`.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
    """

    def rule(inputs: Properties) -> Iterator[InputRefusal]:
        document = inputs.get(name)
        if document is None or has_unknown(document):
            return
        problem = _find_problem(document, use)
        if problem is None and len(re.sub(r"\s", "", to_json(document))) > most_characters:
            problem = f"it has more than {most_characters} characters"
        if problem:
            yield InputRefusal(name, f"{name} is no valid policy document: {problem}")

    return rule


def to_json(document: Any) -> str:
    """Return a document as JSON text; the SDK takes text or an object."""
    return document if isinstance(document, str) else json.dumps(document)


def normalize_document(document: Any) -> Any:
    """
    Return a document in a form in which documents that mean the same are equal.

    Differences in order, between one value and a list of one, and in the spelling of a root principal vanish.
    """
    if document is None or document is UNKNOWN:
        return document
    try:
        parsed: dict[str, Any] = json.loads(to_json(document))
    except ValueError:
        return document
    statements = [_normalize_statement(statement) for statement in as_list(parsed.get("Statement"))]
    return {**parsed, "Statement": sorted(statements, key=_sort_key)}


def parse_statements(document: Any) -> list[dict[str, Any]]:
    """Return the statements of a document that AWS accepts."""
    return as_list(json.loads(to_json(document))["Statement"])


def as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def list_principals(document: Any, kind: str) -> list[str]:
    """Return the principals of one kind (AWS, Service, Federated) in all statements."""
    elements = [statement.get("Principal") for statement in parse_statements(document)]
    return [name for each in elements if isinstance(each, dict) for name in as_list(each.get(kind))]


def _find_problem(document: Any, use: Use) -> str | None:
    try:
        parsed = json.loads(to_json(document))
    except ValueError as error:
        return f"it is not JSON ({error})"
    if not isinstance(parsed, dict):
        return "it is not an object"
    policy: dict[str, Any] = parsed
    if unknown := sorted(policy.keys() - {"Version", "Id", "Statement"}):
        return f"there is no element {unknown[0]}"
    if policy.get("Version") not in _VERSIONS:
        return f"Version must be one of {', '.join(_VERSIONS)}"
    if not as_list(policy.get("Statement")):
        return "Statement is missing or empty"
    for number, statement in enumerate(as_list(policy["Statement"])):
        if problem := _find_statement_problem(statement, use):
            return f"Statement[{number}]: {problem}"
    sids = [statement["Sid"] for statement in as_list(policy["Statement"]) if "Sid" in statement]
    return "two statements have the same Sid" if len(sids) != len(set(sids)) else None


def _find_statement_problem(statement: Any, use: Use) -> str | None:
    if not isinstance(statement, dict):
        return "it is not an object"
    elements: dict[str, Any] = statement
    if unknown := sorted(elements.keys() - _ELEMENTS):
        return f"there is no element {unknown[0]}"
    if elements.get("Effect") not in {"Allow", "Deny"}:
        return "Effect must be Allow or Deny"
    for element in ("Action", "Resource", "Principal"):
        if problem := _find_element_problem(elements, element, use):
            return problem
    if not re.fullmatch(_SID.get(use, r"(?s).*"), str(elements.get("Sid", ""))):
        return "Sid may only have letters and digits"
    if any(":" not in str(action) and action != "*" for action in as_list(elements.get("Action"))):
        return "an Action must be service:Name or *"
    return None


def _find_element_problem(statement: dict[str, Any], element: str, use: Use) -> str | None:
    present = [name for name in (element, f"Not{element}") if name in statement]
    allowed = element == "Action" or use != {"Principal": "identity", "Resource": "trust"}[element]
    if not present:
        return f"{element} is missing" if allowed else None
    if not allowed:
        return f"{present[0]} is not allowed in a policy of this kind"
    if len(present) > 1:
        return f"{present[0]} and {present[1]} exclude each other"
    return None if as_list(statement[present[0]]) else f"{present[0]} is empty"


def _normalize_statement(statement: dict[str, Any]) -> dict[str, Any]:
    result = dict(statement)
    for element in ("Action", "NotAction", "Resource", "NotResource"):
        if element in result:
            result[element] = sorted(map(str, as_list(result[element])))
    for element in ("Principal", "NotPrincipal"):
        if element in result:
            principals = {"AWS": "*"} if result[element] == "*" else result[element]
            result[element] = {
                kind: sorted(_ROOT.sub(r"\1", str(name)) for name in as_list(names))
                for kind, names in principals.items()
            }
    if "Condition" in result:
        result["Condition"] = {
            operator: {
                key: sorted(_condition_text(value) for value in as_list(values))
                for key, values in keys.items()
            }
            for operator, keys in result["Condition"].items()
        }
    return result


def _condition_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
