"""The sample platform's OpenAPI document: the released one, and the changes that break its clients."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from twin.sample_app.faults import PlatformFaults

RELEASED: Final = Path(__file__).with_name("openapi.json")
"""The document of the last release, which the platform serves."""


@cache
def _read_released() -> dict[str, Any]:
    return json.loads(RELEASED.read_text())


def build_document(faults: PlatformFaults) -> dict[str, Any]:
    """Return the document that is served."""
    document = copy.deepcopy(_read_released())
    paths, schemas = document["paths"], document["components"]["schemas"]
    plans = paths["/api/plans"]["get"]
    if "document-invalid" in faults:
        del document["info"]
    if "document-undescribed" in faults:
        del plans["summary"]
    if "change-path-removed" in faults:
        del paths["/api/plans"]
    if "change-field-removed" in faults:
        schemas["Plan"] = {**schemas["Plan"], "required": ["name"]}
        del schemas["Plan"]["properties"]["price_cents"]
    if "change-type" in faults:
        schemas["Plan"]["properties"]["price_cents"] = {"type": ["string", "integer"]}
    if "change-parameter-required" in faults:
        plans["parameters"] = [
            {"name": "currency", "in": "query", "required": True, "schema": {"type": "string"}}
        ]
    if "change-field-required" in faults:
        schemas["Credentials"]["properties"]["code"] = {"type": "string"}
        schemas["Credentials"]["required"] = ["email", "password", "code"]
    return document
