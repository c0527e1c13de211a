"""Each documented GET that needs nothing answers as the document says."""

from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from jsonschema.exceptions import ValidationError as InvalidAnswerError
from referencing import Registry
from referencing.exceptions import Unresolvable

from core.documents import DocumentError, parse_json
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.documented_api import (
    ApiOperation,
    OpenApiObject,
    drop_patterns,
    find_schema,
    is_safe,
    list_operations,
    read_document,
    resolve,
)
from readiness.http_reader import HttpAnswer
from readiness.live_platform import LivePlatform

_MOST_OPERATIONS: Final = 50
_NOTHING_OUTSIDE: Final[Registry[Any]] = Registry()
"""Without one the validator would ask the network for what a document refers to."""


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        try:
            document = read_document(platform, f"{service.url}{api.document}")
        except DocumentError as error:
            raise NotApplicableError(f"{service.url} has no document that can be read: {error}") from None
        operations = [one for one in list_operations(document) if is_safe(document, one)]
        for operation in operations[:_MOST_OPERATIONS]:
            if operation.is_secured(document) or operation.path in {api.health, api.version}:
                continue  # they have checks of their own
            address = f"{service.url}{operation.path}"
            answer = platform.reader.get(address)
            seen.measured[f"GET {address}"] = f"{answer.status} {answer.media_type}"
            if problem := _judge(document, operation, answer):
                seen.problems.append(f"GET {address} {problem}")
    if not seen.measured:
        raise NotApplicableError("no API documents a GET that needs neither parameters nor credentials")
    return seen


def _judge(document: OpenApiObject, operation: ApiOperation, answer: HttpAnswer) -> str:
    """Return what is not as documented; empty if all is."""
    if answer.status >= 500:
        return f"answers {answer.status}"
    responses = resolve(document, operation.content.get("responses"))
    response = (
        responses.get(str(answer.status))
        or responses.get(f"{answer.status // 100}XX")
        or responses.get("default")
    )
    if response is None:
        return f"answers {answer.status}, which is not documented"
    described = resolve(document, response)
    media_types = resolve(document, described.get("content"))
    if media_types and answer.media_type not in media_types and "*/*" not in media_types:
        return f"answers {answer.media_type or 'without a type'}, and {', '.join(media_types)} is documented"
    schema = find_schema(document, described, answer.media_type)
    return _validate(document, schema, answer) if schema and answer.media_type.endswith("json") else ""


def _validate(document: OpenApiObject, schema: Any, answer: HttpAnswer) -> str:
    try:
        value = parse_json(answer.body)
    except DocumentError as error:
        return f"answers what is no JSON: {error}"
    # The references of the schema are those of the document, so both are one document for the validator.
    whole = drop_patterns({**document, "allOf": [schema]})
    try:
        Draft202012Validator(whole, registry=_NOTHING_OUTSIDE).validate(value)
    except InvalidAnswerError as error:
        return f"answers otherwise than documented at {error.json_path}: {error.message}"
    except (SchemaError, Unresolvable, RecursionError) as error:
        return f"has a schema that can't be used: {type(error).__name__}"
    return ""


CHECK: Final = ReadinessCheck(
    id="documented-answers-hold",
    title="Documented GETs answer as documented",
    area="documentation",
    priority="high",
    looks_at=(
        "Each documented GET without required parameters and credentials: its status, its media type, "
        "and its body by the schema."
    ),
    risk="Clients that were written by the document break, and nobody knows which half is wrong.",
    fix=(
        "Correct the endpoint or its description; validate answers by the document in the application's "
        "tests."
    ),
    controls=(Control.NIST_CM_2,),
    look=_look,
)
