"""Stacks of others: plain ones, old ones, empty ones and large ones."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from cProfile import Profile
from dataclasses import replace
from typing import Any, Final

import pytest
from foreign_stacks import many, old_tokens, plain
from policy_harness import (
    Toy,
    Violation,
    find_violations,
    production,
    resource_requests,
    servicer,
    stack_request,
)

from policies.rules import identity

STACKS: Final = {
    "plain": plain(),
    "old tokens": old_tokens(),
    "old and inline": old_tokens(inline=True),
    "empty": [],
    "only a stack": [Toy("pulumi:pulumi:Stack", "shop-prod")],
    "large": many(1000),
}


def refusals(stack: list[Toy], name: str) -> set[str]:
    """Return the rules that refuse a resource."""
    return {violation.rule for violation in find_violations(stack) if violation.resource == name}


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS.keys())
def test_no_rule_crashes_on_a_foreign_stack(stack: list[Toy]) -> None:
    found = find_violations(stack)
    assert not [violation.message for violation in found if "crashed" in violation.message]
    assert {violation.level for violation in found} <= {1}


@pytest.mark.parametrize("name", ["empty", "only a stack"])
def test_a_stack_without_data_violates_no_rule(name: str) -> None:
    assert find_violations(STACKS[name]) == []


def test_a_bare_bucket_is_refused_for_all_that_it_lacks() -> None:
    assert refusals(plain(), "uploads") >= {
        "store-has-history",
        "store-is-protected",
        "store-has-independent-backup",
        "bucket-demands-encrypted-transport",
        "bucket-is-closed-to-the-public",
        "bucket-ignores-access-control-lists",
        "provider-is-explicit",
    }


def test_a_plain_database_is_refused_for_all_that_it_lacks() -> None:
    assert refusals(plain(), "orders") >= {
        "store-has-history",
        "store-is-protected",
        "store-has-independent-backup",
        "provider-is-explicit",
        "secret-is-marked",
    }


def test_a_default_provider_is_bound_to_nothing() -> None:
    assert refusals(plain(), "default_7_51_1") >= {"provider-is-bound-to-account", "provider-tags-everything"}


def test_each_refusal_says_what_is_wrong_where_why_and_what_to_do() -> None:
    found = find_violations(plain())
    assert found
    for violation in found:
        title, said, risk, fix = violation.message.split("\n")
        assert title
        assert said.startswith(f"{violation.resource} (")
        assert risk.startswith("Risk: ")
        assert fix.startswith("Fix: ")
        assert "shop-uploads" not in violation.message


@pytest.mark.parametrize("inline", [False, True], ids=["V2 satellites", "inline"])
def test_a_bucket_of_the_old_type_is_read_like_one_of_the_current(inline: bool) -> None:
    found = refusals(old_tokens(inline=inline), "archive")
    assert "store-has-independent-backup" in found
    assert not found & {
        "store-has-history",
        "store-is-protected",
        "bucket-cleans-up-aborted-uploads",
        "bucket-is-not-force-destroyed",
        "provider-is-explicit",
    }


def test_the_configuration_of_a_bucket_of_the_old_type_counts() -> None:
    assert not refusals(old_tokens(), "archive") & {
        "bucket-demands-encrypted-transport",
        "bucket-ignores-access-control-lists",
        "bucket-is-closed-to-the-public",
    }


def _by_block(found: list[Violation]) -> dict[str, set[tuple[str, str]]]:
    blocks: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for violation in found:
        if number := re.search(r"[0-9]+", violation.resource):
            named = violation.resource.replace(number[0], "#")
            blocks[number[0]].add((violation.rule, named))
    return blocks


def test_every_block_of_a_large_stack_is_refused_for_the_same() -> None:
    found = find_violations(STACKS["large"])
    blocks = _by_block(found)
    last = max(map(int, blocks))
    first, *others = [blocks[str(number)] for number in range(2, last - 1)]
    assert len(others) > 30
    assert all(block == first for block in others)
    assert first >= {
        ("store-has-independent-backup", "bucket-#"),
        ("vault-is-locked", "bucket-#"),
        ("monitor-reaches-someone", "monitor-#"),
        ("error-project-has-key", "errors-#"),
        ("key-rotates", "key-#"),
    }
    assert not {rule for rule, _ in first} & {rule.id for rule in identity.RULES}


def _count_calls(stack: list[Toy]) -> int:
    """Return how many functions are called to judge a stack."""
    server = servicer()
    for request in resource_requests(stack):
        server.Analyze(request, None)
    request: Any = stack_request(stack)
    profile = Profile()
    profile.runcall(server.AnalyzeStack, request, None)
    return sum(entry.callcount for entry in profile.getstats())


def _copy_production(copies: int) -> list[Toy]:
    """Return production several times in one stack, each with names of its own."""
    return [
        replace(
            one,
            name=f"{one.name}-{copy}",
            inputs=_rename(one.inputs, copy),
            parent=one.parent and f"{one.parent}-{copy}",
            made_from={key: [f"{name}-{copy}" for name in names] for key, names in one.made_from.items()},
            depends_on=[f"{name}-{copy}" for name in one.depends_on],
            provider=one.provider and f"{one.provider}-{copy}",
        )
        for copy in range(copies)
        for one in production()
    ]


def _rename(inputs: dict[str, Any], copy: int) -> Any:
    text = json.dumps(inputs).replace("example", f"example{copy}")
    return json.loads(re.sub(r'"(urn:pulumi:[^"]*)"', rf'"\1-{copy}"', text))


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [(lambda: many(500), lambda: many(1000)), (lambda: _copy_production(2), lambda: _copy_production(4))],
    ids=["of others", "like production"],
)
def test_the_work_grows_with_the_stack_and_not_with_its_square(
    smaller: Callable[[], list[Toy]], larger: Callable[[], list[Toy]]
) -> None:
    # Twice the resources would be four times the work if each was compared with each.
    assert _count_calls(larger()) < 2.5 * _count_calls(smaller())
