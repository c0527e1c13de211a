"""Inputs whose changes are ignored: none that any rule has asked for, by whatever path it is written."""

from dataclasses import replace
from typing import Final

import pytest
from policy_harness import Toy, find_violations, production, servicer, stack_request, with_options

from policies.framework.evaluation import Evaluation
from policies.framework.inputs_stay_managed import RULE, parse_path
from policies.rules import RULES

LOCK: Final = "backups-vault-lock"


def find_ignored(name: str, *paths: str, stack: list[Toy] | None = None) -> list[str]:
    """Return the findings about a resource of production that ignores changes of these paths."""
    before = find_toy_options(name)
    changed = with_options(stack or production(), name, ignoreChanges=[*before, *paths])
    return [found.message for found in find_violations(changed) if found.rule == RULE.id]


def find_toy_options(name: str) -> list[str]:
    return next(toy.options.get("ignoreChanges", []) for toy in production() if toy.name == name)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("rule", ("rule",)),
        ("rule.defaultRetention.days", ("rule", "defaultRetention", "days")),
        ("rules[0].status", ("rules", 0, "status")),
        ("rules[*].status", ("rules", "*", "status")),
        ('tags["a.b"]', ("tags", "a.b")),
        ('["policy"]', ("policy",)),
        ('tags["a\\"b"]', ("tags", 'a"b')),
        ("*", ("*",)),
        ("", ()),
    ],
)
def test_a_path_is_read_as_the_engine_reads_it(text: str, steps: tuple[str | int, ...]) -> None:
    assert parse_path(text) == steps


@pytest.mark.parametrize(
    "path", ["rule", "rule.defaultRetention", "rule.defaultRetention.days", '["rule"]', "*", "rule.*", ""]
)
def test_a_demanded_input_is_ignored_by_no_path_to_it_above_it_or_below_it(path: str) -> None:
    (text,) = find_ignored(LOCK, path)
    assert f"changes of {path or 'an empty path'} are ignored" in text
    assert LOCK in text


def test_every_input_that_a_rule_reads_of_production_may_not_be_ignored() -> None:
    """One evaluation: every resource ignores each of the inputs that were read of it."""
    seen: list[Evaluation] = []
    servicer(RULES, seen=seen).AnalyzeStack(stack_request(production()), None)
    read = {
        resource.name: sorted({str(path[0]) for path in resource.paths_read if path})
        for resource in seen[0].stack.resources
    }
    stack = production()
    for name, inputs in read.items():
        if inputs:
            stack = with_options(stack, name, ignoreChanges=[*find_toy_options(name), *inputs])
    messages = {found.resource: found.message for found in find_violations(stack) if found.rule == RULE.id}
    declared = {toy.name: toy.inputs for toy in stack}
    on_creation = {"defaultKey", "defaultRules"}
    missed = {
        f"{name}.{one}"
        for name, inputs in read.items()
        for one in inputs
        if one in declared[name] and f"changes of {one} are ignored" not in messages.get(name, "")
    }
    assert missed == {name for name in missed if name.rpartition(".")[2] in on_creation}
    assert len(messages) > 100


@pytest.mark.parametrize(
    ("name", "path"),
    [(LOCK, "tags"), ("database-project", "branch"), ("errors-backend-project", "defaultKey")],
)
def test_what_no_rule_reads_may_be_ignored(name: str, path: str) -> None:
    assert find_ignored(name, path) == []


def test_a_bucket_may_ignore_what_another_resource_sets_and_it_does_not_declare_itself() -> None:
    bucket = "backups-vault-bucket"
    siblings = ["lifecycleRules", "policy", "versioning", "replicationConfiguration"]
    assert find_ignored(bucket, *siblings) == []
    inline = [
        replace(toy, inputs={**toy.inputs, "policy": "{}"}) if toy.name == bucket else toy
        for toy in production()
    ]
    assert len(find_ignored(bucket, *siblings, stack=inline)) <= 1
    assert find_ignored(bucket, "forceDestroy") != []
