"""Each API shows an OpenAPI document that follows the specification, and describes each operation."""

from typing import Any, Final

from core.documents import DocumentError
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.documented_api import (
    drop_patterns,
    list_foreign_references,
    list_operations,
    read_document,
)
from readiness.live_platform import LivePlatform

_MOST_ERRORS: Final = 5


def _look(platform: LivePlatform) -> Observation:
    seen = Observation()
    for service, api in platform.apis.values():
        address = f"{service.url}{api.document}"
        try:
            document = read_document(platform, address)
        except DocumentError as error:
            seen.measured[address] = "no document"
            seen.problems.append(f"{address}: {error}")
            continue
        operations = list_operations(document)
        version = document.get("openapi", "no version")
        seen.measured[address] = f"OpenAPI {version}, {len(operations)} operations"
        seen.problems += [f"{address}: {text}" for text in _validate(document)]
        seen.expect(operations, f"{address}: documents no operation")
        bare = [
            f"{one.method.upper()} {one.path}"
            for one in operations
            if not one.content.get("summary") and not one.content.get("description")
        ]
        seen.problems += [f"{address}: says nothing of {name}" for name in bare]
    if not seen.measured:
        raise NotApplicableError("no service says that it is an API (`api` in bulwark:services)")
    return seen


def _validate(document: dict[str, Any]) -> list[str]:
    """Return where a document breaks the specification, without resolving what is outside of it."""
    from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator  # noqa: PLC0415 - slow
    from openapi_spec_validator.validation.exceptions import OpenAPIValidationError  # noqa: PLC0415

    if foreign := list_foreign_references(document):
        return [f"refers to {foreign[0]}, which is not in it"]
    kind = (
        OpenAPIV30SpecValidator if str(document.get("openapi")).startswith("3.0") else OpenAPIV31SpecValidator
    )
    try:
        errors = list(zip(range(_MOST_ERRORS), kind(drop_patterns(document)).iter_errors(), strict=False))
    except (OpenAPIValidationError, LookupError, TypeError, ValueError, RecursionError) as error:
        return [f"can't be validated: {type(error).__name__}"]
    return [
        f"{'.'.join(str(step) for step in error.absolute_path) or 'the document'}: {error.message}"
        for _, error in errors
    ]


CHECK: Final = ReadinessCheck(
    id="api-is-documented",
    title="Each API shows a valid OpenAPI document",
    area="documentation",
    priority="medium",
    looks_at=(
        "The document at `api.document`: it is JSON, follows OpenAPI 3.0 or 3.1, and says of each "
        "operation what it does."
    ),
    risk="Nobody can call the API without reading its code, and no tool can try it.",
    fix="Generate an OpenAPI document from the routes, and serve it at `api.document` (/api/openapi.json).",
    controls=(Control.NIST_CM_2, Control.CIS_4_1),
    look=_look,
)
