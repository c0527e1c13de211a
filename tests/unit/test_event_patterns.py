"""Event patterns: what matches an event, as EventBridge's documents say it and as moto's library does it."""

import json
from typing import Any

import pytest
from moto.events.models import EventPattern

from core.event_patterns import (
    EventPatternError,
    find_demanded_values,
    list_values,
    matches_event,
    parse_pattern,
    split_pattern,
)

EVENT: dict[str, Any] = {
    "source": "aws.kms",
    "detail-type": "AWS API Call via CloudTrail",
    "account": "123456789012",
    "resources": ["arn:a", "arn:b"],
    "detail": {
        "eventName": "DisableKey",
        "managementEvent": True,
        "count": 1,
        "errorCode": None,
        "requestParameters": {"keyId": "1234", "roleName": "example-writer"},
        "userIdentity": {"type": "Root"},
    },
}

MATCHING = (
    {"source": ["aws.kms"]},
    {"source": ["aws.s3", "aws.kms"], "account": ["123456789012"]},
    {"resources": ["arn:b"]},
    {"detail": {"requestParameters": {"roleName": [{"prefix": "example-"}]}}},
    {"detail": {"requestParameters": {"roleName": [{"suffix": "-writer"}]}}},
    {"detail": {"requestParameters": {"roleName": [{"wildcard": "ex*-w*r"}]}}},
    {"detail": {"managementEvent": [True]}},
    {"detail": {"errorCode": [None]}},
    {"detail": {"userIdentity": {"invokedBy": [{"exists": False}]}}},
    {"detail": {"missing": {"deeper": [{"exists": False}]}}},
    {"detail": {"eventName": [{"exists": True}]}},
    {"$or": [{"source": ["aws.s3"]}, {"detail": {"eventName": ["DisableKey"]}}]},
    {"detail": {"requestParameters": {"$or": [{"name": ["x"]}, {"keyId": ["1234"]}]}}},
)
OTHER = (
    {"source": ["aws.KMS"]},
    {"source": ["aws.kms"], "account": ["210987654321"]},
    {"resources": ["arn:c"]},
    {"detail": {"requestParameters": {"roleName": [{"prefix": "xample-"}]}}},
    {"detail": {"requestParameters": {"roleName": [{"wildcard": "ex*-x*r"}]}}},
    {"detail": {"requestParameters": {"roleName": [{"wildcard": "example"}]}}},
    {"detail": {"managementEvent": [False]}},
    {"detail": {"managementEvent": ["true"]}},
    {"detail": {"eventName": [{"exists": False}]}},
    {"detail": {"requestParameters": {"name": ["x"]}}},
    {"$or": [{"source": ["aws.s3"]}, {"detail": {"eventName": ["EnableKey"]}}]},
    {"source": ["aws.kms"], "$or": [{"account": ["1"]}, {"account": ["2"]}]},
)


@pytest.mark.parametrize("expected", [True, False])
def test_an_event_pattern_matches_as_the_library_says(expected: bool) -> None:
    for pattern in MATCHING if expected else OTHER:
        text = json.dumps(pattern)
        assert matches_event(parse_pattern(text), EVENT) is expected, text
        assert EventPattern.load(text).matches_event(EVENT) is expected, text  # pyrefly: ignore[bad-argument-type] - any event


@pytest.mark.parametrize("pattern", [*MATCHING, *OTHER], ids=json.dumps)
def test_one_of_the_alternatives_of_an_event_pattern_matches_just_what_it_does(
    pattern: dict[str, Any],
) -> None:
    matching = [one for one in split_pattern(pattern) if matches_event(one, EVENT)]
    assert bool(matching) == (pattern in MATCHING)


@pytest.mark.parametrize("pattern", MATCHING, ids=json.dumps)
def test_an_event_that_a_pattern_matches_has_one_of_the_values_that_it_demands(
    pattern: dict[str, Any],
) -> None:
    matching = [one for one in (pattern, *split_pattern(pattern)) if matches_event(one, EVENT)]
    for demanded in filter(None, map(find_demanded_values, matching)):
        assert demanded & set(list_values(EVENT))


def test_an_event_pattern_demands_the_values_that_lie_deepest_if_it_demands_any() -> None:
    assert not find_demanded_values({"source": [{"prefix": "aws."}]})
    assert find_demanded_values({"source": ["aws.kms"], "detail": {"eventName": ["a", "b"]}}) == {
        (("detail", "eventName"), str, "a"),
        (("detail", "eventName"), str, "b"),
    }


def test_an_event_pattern_takes_no_truth_for_a_number() -> None:
    assert not matches_event(parse_pattern('{"detail": {"count": [true]}}'), EVENT)
    assert not matches_event(parse_pattern('{"detail": {"managementEvent": [1]}}'), EVENT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '"aws.kms"',
        '{"source": "aws.kms"}',
        '{"source": []}',
        '{"source": [["aws.kms"]]}',
        '{"source": [{"anything-but": "aws.s3"}]}',
        '{"source": [{"prefix": ["aws"]}]}',
        '{"source": [{"prefix": "a", "suffix": "s"}]}',
        '{"source": [{}]}',
        '{"$or": [{"source": ["aws.kms"]}]}',
        '{"detail": {}}',
        "[" * 100_000,
    ],
)
def test_an_event_pattern_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(EventPatternError):
        parse_pattern(text)
