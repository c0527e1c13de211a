"""Readings of what the engine sends: every mark that it knows, wherever it stands."""

import json
from typing import Any, Final

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given
from hypothesis import strategies as st
from policy_harness import UNKNOWN, secret

from policies.framework.property_values import (
    Absent,
    Known,
    PropertyValue,
    Unknown,
    decode,
    decode_provider_inputs,
)
from policies.framework.stack import canonical_type

UNKNOWNS: Final = {
    "bool": "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "number": "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "text": "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
    "array": "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "asset": "030794c1-ac77-496b-92df-f27374a8bd58",
    "archive": "e48ece36-62e2-4504-bad9-02848725956a",
    "object": "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
}

SENT: Final = {
    "text": "here",
    "number": 7.0,
    "no": False,
    "null": None,
    "later": UNKNOWN,
    "secret": secret("planted"),
    "list": ["a", UNKNOWN, {"deep": 1.0}],
    "empty": [],
    "nested": {"later": UNKNOWN, "here": {"text": "x"}, "null": None},
}


def output(**parts: Any) -> dict[str, Any]:
    """Write an output as the engine writes it to those who ask for outputs."""
    return {"4dabf18193072939515e22adb298388d": "d0e6a833031e9bbcd3f4e8bde6ca49a4", **parts}


def received(values: dict[str, Any]) -> Known:
    return decode(json_format.ParseDict(values, struct_pb2.Struct()))


@pytest.fixture
def sent() -> PropertyValue:
    return received(SENT)


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        (("text",), Known("here")),
        (("number",), Known(7)),
        (("no",), Known(value=False)),
        (("secret",), Known("planted")),
        (("nested", "here", "text"), Known("x")),
        (("list", 0), Known("a")),
        (("list", 2, "deep"), Known(1)),
        (("later",), Unknown()),
        (("later", "below"), Unknown()),
        (("later", 0), Unknown()),
        (("nested", "later"), Unknown()),
        (("nested", "null"), Absent()),
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
def test_a_value_at_a_path_is_known_unknown_or_absent(
    sent: PropertyValue, path: tuple[str | int, ...], reading: PropertyValue
) -> None:
    assert sent.at(*path) == reading


def test_numbers_are_floats_even_if_they_were_whole(sent: PropertyValue) -> None:
    number = sent.at("number")
    assert isinstance(number, Known)
    assert isinstance(number.value, float)


@pytest.mark.parametrize("mark", UNKNOWNS.values(), ids=UNKNOWNS.keys())
def test_every_kind_of_unknown_is_unknown_wherever_it_stands(mark: str) -> None:
    sent = received({"top": mark, "list": [mark], "object": {"key": mark}, "secret": secret(mark)})
    for path in (("top",), ("list", 0), ("object", "key"), ("secret",)):
        assert sent.at(*path) == Unknown()


def test_items_of_a_list_keep_what_is_unknown_among_them(sent: PropertyValue) -> None:
    first, second, third = sent.at("list").each()
    assert (first, second, third.at("deep")) == (Known("a"), Unknown(), Known(1))


def test_an_unknown_list_has_one_unknown_item_so_that_no_loop_passes_over_it(sent: PropertyValue) -> None:
    assert sent.at("later").each() == [Unknown()]


@pytest.mark.parametrize("name", ["missing", "empty", "text", "nested", "number", "no"])
def test_a_value_that_is_no_list_has_no_items(sent: PropertyValue, name: str) -> None:
    assert sent.at(name).each() == []


def test_an_object_has_entries_without_what_is_null(sent: PropertyValue) -> None:
    assert list(sent.at("nested").items()) == ["here", "later"]
    assert sent.at("list").items() == sent.at("later").items() == sent.at("missing").items() == {}


def marked(reading: PropertyValue) -> bool:
    assert isinstance(reading, Known | Unknown)
    return reading.secret


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (secret("planted"), ()),
        (secret({"deep": ["planted"]}), ("deep", 0)),
        ([secret("planted")], (0,)),
        ({"deep": secret("planted")}, ("deep",)),
        (secret(secret("planted")), ()),
        (secret([secret("planted")]), (0,)),
        (output(value="planted", secret=True), ()),
        (output(value={"deep": "planted"}, secret=True), ("deep",)),
        (secret(UNKNOWN), ()),
        (secret([UNKNOWN]), (0,)),
        (output(secret=True), ()),
    ],
)
def test_a_secret_keeps_its_mark_and_gives_it_to_its_parts(value: Any, path: tuple[str | int, ...]) -> None:
    assert marked(received({"at": value}).at("at", *path))


@pytest.mark.parametrize(
    ("value", "reading"),
    [
        (output(value="here"), Known("here")),
        (output(value="here", secret=False, dependencies=["urn"]), Known("here")),
        (output(dependencies=["urn"]), Unknown()),
        (output(value=UNKNOWN), Unknown()),
        (output(value=output(value=7.0)), Known(7)),
    ],
)
def test_an_output_is_its_value_and_unknown_without_one(value: Any, reading: PropertyValue) -> None:
    found = received({"at": value}).at("at")
    assert found == reading
    assert not marked(found)


def test_a_secret_null_is_absent() -> None:
    assert received({"at": secret(None)}).at("at") == Absent()


def test_entries_come_in_the_order_of_their_names() -> None:
    names = [f"name{number:02}" for number in range(20)]
    assert list(received(dict.fromkeys(reversed(names), 1.0)).items()) == names


def test_an_object_with_another_mark_is_an_object() -> None:
    archive = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7", "path": "x"}
    assert received({"at": archive}).at("at", "path") == Known("x")


@pytest.mark.parametrize("wrapped", [lambda text: text, secret], ids=["plain", "secret"])
def test_inputs_of_a_provider_are_unpacked_from_json(wrapped: Any) -> None:
    sent = received(
        {
            "list": wrapped(json.dumps(["a"])),
            "object": wrapped(json.dumps({"tags": {"a": "b"}})),
            "text": wrapped("eu-west-1"),
            "odd": wrapped("[no JSON"),
            "true": wrapped("true"),
            "later": UNKNOWN,
        }
    )
    found = decode_provider_inputs(sent)
    assert found.at("list", 0) == Known("a")
    assert found.at("object", "tags", "a") == Known("b")
    assert found.at("text") == Known("eu-west-1")
    assert found.at("odd") == Known("[no JSON")
    assert found.at("true") == Known("true")
    assert found.at("later") == Unknown()
    assert marked(found.at("list", 0)) == (wrapped is secret)


PLAIN = st.recursive(
    st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(max_size=4), PLAIN, max_size=4)


@given(OBJECTS)
def test_plain_values_of_the_engine_are_read_unchanged(value: dict[str, Any]) -> None:
    assert received(value) == Known(value)


@given(OBJECTS)
def test_every_part_of_a_value_is_reached_by_its_path_and_keeps_its_secret_mark(
    value: dict[str, Any],
) -> None:
    plain, hidden = received({"at": value}).at("at"), received({"at": secret(value)}).at("at")
    for path, leaf in _leaves(value):
        assert plain.at(*path) == hidden.at(*path) == Known(leaf)
        assert not marked(plain.at(*path))
        assert marked(hidden.at(*path))


@given(OBJECTS, st.sampled_from(sorted(UNKNOWNS.values())))
def test_an_unknown_part_of_a_value_leaves_the_others_readable(value: dict[str, Any], mark: str) -> None:
    found = received({"at": {**value, "later": [mark, value]}}).at("at")
    assert found.at("later", 0) == Unknown()
    for path, leaf in _leaves(value):
        assert found.at("later", 1, *path) == Known(leaf)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    match value:
        case dict():
            parts: Any = value.items()
        case list():
            parts = enumerate(value)
        case _:
            return [(path, value)]
    return [leaf for key, part in parts for leaf in _leaves(part, (*path, key))]


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
    assert canonical_type(token) == current
