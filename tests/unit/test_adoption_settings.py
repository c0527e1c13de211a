"""Settings are inserted into a stack's file, and nothing else in it changes."""

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.adoption.settings_text import insert_settings
from core.failure import Failure
from engine import stack_file

PROD = stack_file.path_of("prod").read_text()
ISSUER = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
PROJECT = {"project": "quiet-term-12345678", "branch": "br-calm-sun-1", "roles": ["owner", "backup"]}


def insert(text: str, value: Any, *path: str) -> str:
    return insert_settings(text, {path: value}, file="Pulumi.test.yaml")


def test_productions_file_gets_these_lines_and_keeps_every_comment_and_brace() -> None:
    block = "config", "bulwark:existing"
    written = insert_settings(
        PROD,
        {
            (*block, "adopt", "uptime-backend-health"): "777",
            (*block, "reference", "backups-identity-github"): ISSUER,
            (*block, "adopt", "database-role-owner"): "quiet-term-12345678/br-calm-sun-1/owner",
            ("config", "bulwark:services", "backend", "errors", "events_per_minute"): 700,
        },
        file="Pulumi.prod.yaml",
    )
    changed = [
        line
        for line in difflib.ndiff(PROD.splitlines(), written.splitlines())
        if line.startswith(("+ ", "- "))
    ]
    assert changed == [
        '-       errors: { platform: node-express, events_per_minute: 600, paths: ["server/**"] }',
        '+       errors: { platform: node-express, events_per_minute: 700, paths: ["server/**"] }',
        "+   bulwark:existing:",
        "+     adopt:",
        "+       uptime-backend-health: '777'",
        "+       database-role-owner: quiet-term-12345678/br-calm-sun-1/owner",
        "+     reference:",
        f"+       backups-identity-github: '{ISSUER}'",
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("a:\n  x: 1 # why\n", "a:\n  x: 1 # why\n  b: v\n", id="behind a comment"),
        pytest.param(
            "a:\n    x: 1\n\n\nz: 2\n", "a:\n    x: 1\n    b: v\n\n\nz: 2\n", id="before empty lines"
        ),
        pytest.param("a:\n  x:\n    - 1\nz: 2\n", "a:\n  x:\n    - 1\n  b: v\nz: 2\n", id="behind a list"),
        pytest.param("a:\n  x: |\n    1\n\nz: 2", "a:\n  x: |\n    1\n  b: v\n\nz: 2", id="behind a text"),
        pytest.param("a:\n  x: 1", "a:\n  x: 1\n  b: v\n", id="without a last line end"),
        pytest.param(
            "a:\r\n  x: 1\r\nz: 2\r\n", "a:\r\n  x: 1\r\n  b: v\r\nz: 2\r\n", id="with two line ends"
        ),
        pytest.param("a: { x: 1 } # why\n", "a: { x: 1, b: v } # why\n", id="in braces"),
        pytest.param(
            "a: {x: [1],\n  y: 2 # why\n  }\n", "a: {x: [1],\n  y: 2, b: v # why\n  }\n", id="in wide ones"
        ),
        pytest.param("a: {} # none\n", "a: { b: v } # none\n", id="in empty ones"),
        pytest.param("a: # none\nz: 2\n", "a:\n  b: v # none\nz: 2\n", id="where nothing was"),
        pytest.param("a:\n  b: false # why\n", "a:\n  b: v # why\n", id="in another value's place"),
        pytest.param("a:\n  b:\n  z: 2\n", "a:\n  b: v\n  z: 2\n", id="in no value's place"),
        pytest.param("# ä😀\na: { ö: 1 }\n", "# ä😀\na: { ö: 1, b: v }\n", id="among other letters"),
    ],
)
def test_a_setting_is_inserted_where_it_belongs(before: str, after: str) -> None:
    assert insert(before, "v", "a", "b") == after


def test_an_existing_mapping_is_extended() -> None:
    file = "u:\n  adopt: { health: 1 }\n"
    assert insert(file, 2, "u", "adopt", "version") == "u:\n  adopt: { health: 1, version: 2 }\n"


def test_a_text_that_yaml_would_read_as_another_type_is_quoted() -> None:
    for value in ("0123", "yes", "a: b", "#x", ""):
        assert yaml.safe_load(insert("a: { x: 1 }", value, "a", "b"))["a"]["b"] == value


@pytest.mark.parametrize(
    "file",
    [
        pytest.param("base: &base\n  x: 1\na: *base\n", id="an anchor's mapping"),
        pytest.param("a:\n  - x: 1\n", id="a list"),
        pytest.param("a: text\n", id="a text"),
    ],
)
def test_a_setting_that_can_not_be_inserted_safely_is_left_to_a_person(file: str) -> None:
    with pytest.raises(
        Failure, match=r"Pulumi\.test\.yaml is written in a way .*: a\.b\.\n  Next: write them"
    ):
        insert(file, "v", "a", "b")


def test_the_twins_file_takes_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(stack_file.path_of("local").read_text())
    written = insert(file.read_text(), PROJECT, "config", "bulwark:database", "adopt")
    assert yaml.safe_load(written)["config"]["bulwark:database"]["adopt"] == PROJECT
