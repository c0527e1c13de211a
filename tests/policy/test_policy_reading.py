"""Readings over the proxies that the SDK makes of what the engine sends."""

import pytest
from policy_harness import UNKNOWN, secret
from pulumi_policy.deserialize import deserialize_properties
from pulumi_policy.proxy import unknown_checking_proxy

from policies.reading import Absent, Known, Reading, Unknown
from policies.resources import canonical

_SENT = {
    "text": "here",
    "number": 7.0,
    "no": False,
    "null": None,
    "later": UNKNOWN,
    "secret": secret("planted"),
    "list": ["a", UNKNOWN, {"deep": 1.0}],
    "empty": [],
    "nested": {"later": UNKNOWN, "here": {"text": "x"}},
}


@pytest.fixture
def sent() -> Reading:
    return Known(unknown_checking_proxy(deserialize_properties(_SENT)))


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        (("text",), Known("here")),
        (("number",), Known(7)),
        (("no",), Known(False)),
        (("secret",), Known("planted")),
        (("nested", "here", "text"), Known("x")),
        (("list", 0), Known("a")),
        (("list", 2, "deep"), Known(1)),
        (("later",), Unknown()),
        (("later", "below"), Unknown()),
        (("nested", "later"), Unknown()),
        (("list", 1), Unknown()),
        (("missing",), Absent()),
        (("missing", "below"), Absent()),
        (("null",), Absent()),
        (("list", 9), Absent()),
        (("list", "key"), Absent()),
        (("text", 0), Absent()),
        (("text", "key"), Absent()),
        (("nested", 0), Absent()),
    ],
)
def test_what_stands_at_a_path_is_known_unknown_or_absent(
    sent: Reading, path: tuple[str | int, ...], reading: Reading
) -> None:
    assert sent.at(*path) == reading


def test_items_of_a_list_keep_what_is_unknown_among_them(sent: Reading) -> None:
    first, second, third = sent.at("list").each()
    assert (first, second, third.at("deep")) == (Known("a"), Unknown(), Known(1))


def test_an_unknown_list_has_one_unknown_item_so_that_no_loop_passes_over_it(sent: Reading) -> None:
    assert sent.at("later").each() == [Unknown()]


@pytest.mark.parametrize("name", ["missing", "empty", "text", "nested"])
def test_what_is_no_list_has_no_items(sent: Reading, name: str) -> None:
    assert sent.at(name).each() == []


@pytest.mark.parametrize(
    ("token", "current"),
    [
        ("aws:s3/bucketV2:BucketV2", "aws:s3/bucket:Bucket"),
        ("aws:s3/bucketVersioningV2:BucketVersioningV2", "aws:s3/bucketVersioning:BucketVersioning"),
        ("aws:s3/bucketLogging:BucketLogging", "aws:s3/bucketLogging:BucketLogging"),
        ("aws:s3/bucketObjectv2:BucketObjectv2", "aws:s3/bucketObjectv2:BucketObjectv2"),
    ],
)
def test_old_type_tokens_become_current_ones(token: str, current: str) -> None:
    assert canonical(token) == current
