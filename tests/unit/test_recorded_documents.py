"""
Documents that an earlier version stored in a vault are read unchanged.

tests/unit/recorded/ has one document of each kind, as the twin's vault held it before the modules and classes
got their present names. A vault locks such documents for years, and their models refuse unknown fields: no
field of theirs can be renamed.
"""

import json
from pathlib import Path
from typing import Final

import pytest
from pydantic import BaseModel

from recovery.catalogue import Verification
from recovery.drill.evidence import Drill
from recovery.files.manifest import FilesManifest, format_line, parse_line
from recovery.manifest import Manifest
from recovery.postgres.globals import Globals
from recovery.state import StateManifest
from respond.record import ResponseRecord

_RECORDED: Final = Path(__file__).parent / "recorded"
_MODELS: Final[dict[str, type[BaseModel]]] = {
    "database-manifest.json": Manifest,
    "cluster.json": Globals,
    "files-manifest.json": FilesManifest,
    "state-manifest.json": StateManifest,
    "verification.json": Verification,
    "drill.json": Drill,
    "response.json": ResponseRecord,
}


def test_every_recorded_document_has_a_model() -> None:
    assert {path.name for path in _RECORDED.iterdir()} == {*_MODELS, "listing.jsonl"}


@pytest.mark.parametrize("name", _MODELS)
def test_a_recorded_document_is_read_and_written_unchanged(name: str) -> None:
    recorded = (_RECORDED / name).read_text()
    document = _MODELS[name].model_validate_json(recorded)
    # Fields that a later version added have their defaults.
    assert json.loads(document.model_dump_json(exclude_unset=True)) == json.loads(recorded)


@pytest.mark.parametrize(
    ("name", "model", "key"),
    [
        ("database-manifest.json", Manifest, "database/daily/database/20261127T053910Z-bdb0/manifest.json"),
        ("files-manifest.json", FilesManifest, "manifests/files/files/20261127T053859Z-c468/manifest.json"),
        ("state-manifest.json", StateManifest, "state/20261127T053859Z-c37e/manifest.json"),
    ],
)
def test_a_recorded_manifest_has_the_key_that_it_was_stored_under(
    name: str, model: type[Manifest | FilesManifest | StateManifest], key: str
) -> None:
    manifest = model.model_validate_json((_RECORDED / name).read_text())
    assert manifest.key == key
    assert model.KEYS.fullmatch(key)


def test_the_verdict_of_recorded_evidence_is_computed_again() -> None:
    drill = Drill.model_validate_json((_RECORDED / "drill.json").read_text())
    assert drill.verdict == "passed"
    assert {scenario.kind for scenario in drill.scenarios} == {
        "corruption",
        "loss",
        "replica",
        "files",
        "state",
    }


def test_recorded_lines_of_a_file_listing_are_read_and_written_unchanged() -> None:
    lines = (_RECORDED / "listing.jsonl").read_bytes().splitlines(keepends=True)
    assert len(lines) == 3
    for line in lines:
        entry = parse_line(line, "listing.jsonl")
        assert format_line(entry) == line
        assert entry.copy_key("files") == f"files/objects/files/documents/{json.loads(line)['key']}"
