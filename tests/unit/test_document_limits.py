"""Documents from outside are read within limits: no hang, no exhausted memory or stack, one kind of error."""

import re
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import BaseModel

from core.documents import DocumentError, parse_json, parse_yaml, read_file, read_json
from core.moment import Moment
from core.vault_layout import is_id, new_id


class Sample(BaseModel):
    name: str = ""
    bytes: int = 0
    at: Moment | None = None
    inner: tuple["Sample", ...] = ()


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join(9 * [f'*{before}'])}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
"""Half a kilobyte of YAML that stands for four thousand million values."""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "recursion limit"),
        ('{"a":' * 100_000, "recursion limit"),
        ("[" * 900 + "]" * 900, "recursion limit"),
        ('{"a": 1, "a": 2}', "key twice"),
        ("NaN", "expected value"),
        ("[-Infinity]", "invalid number"),
        ("1e999", "not finite"),
        ("1" + "0" * 309, "not finite"),
        ("1" + "0" * 5_000, "out of range"),
        (r'"\ud800"', "hex escape"),
        ("\ufeff{}", "expected value"),
        ("{", "EOF"),
        ("", "EOF"),
    ],
)
def test_parse_json_refuses(text: str, reason: str) -> None:
    for body in (text, text.encode()):
        with pytest.raises(DocumentError, match=reason):
            parse_json(body)


@pytest.mark.parametrize(
    "body", [b'"\xff"', b'"\xed\xa0\x80"', b'"\x1b[2J"', b'{"\\u001b[2J": 1, "\\u001b[2J": 2}']
)
def test_parse_json_of_odd_bytes_has_a_printable_error(body: bytes) -> None:
    with pytest.raises(DocumentError) as raised:
        parse_json(body)
    assert str(raised.value).isprintable()


def test_documents_above_their_size_are_not_parsed(tmp_path: Path) -> None:
    assert parse_json(b'"abc"', max_bytes=5) == "abc"
    (tmp_path / "file").write_bytes(b"123456")
    assert read_file(tmp_path / "file", max_bytes=6) == b"123456"
    with pytest.raises(DocumentError, match="larger than 5 bytes"):
        parse_json(b"123456", max_bytes=5)
    with pytest.raises(DocumentError, match="larger than 5 bytes"):
        parse_yaml("x: ä€", max_bytes=5)
    with pytest.raises(DocumentError, match="larger than 5 bytes"):
        read_file(tmp_path / "file", max_bytes=5)
    with pytest.raises(DocumentError, match="larger"):
        read_file(Path("/dev/zero"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"bytes": "12"}', "bytes: "),
        ('{"bytes": true}', "bytes: "),
        ('{"bytes": 1.0}', "bytes: "),
        ('{"name": 1}', "name: "),
        ('{"at": 1577836800}', "at: "),
        ('{"at": "1577836800"}', "at: "),
        ('{"at": "2026-01-01T00:00:00"}', "at: "),
        ('{"at": "0001-01-01T00:00:00+14:00"}', "at: "),
        ('{"at": "9999-12-31T23:59:59-14:00"}', "at: "),
        ('{"inner": [{"at": "2026-02-30T00:00:00Z"}]}', "inner.0.at: "),
        ("[]", "object"),
    ],
)
def test_read_json_refuses(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=re.escape(reason)) as raised:
        read_json(text, Sample)
    assert "1577836800" not in str(raised.value)


def test_read_json_returns_the_model() -> None:
    assert read_json(
        '{"bytes": 12, "at": "2026-01-01T00:00:00Z", "inner": [{"name": "x"}]}', Sample
    ) == Sample(bytes=12, at=datetime(2026, 1, 1, tzinfo=UTC), inner=(Sample(name="x"),))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "values, with those of its aliases"),
        ("a: &a {k: v}\nb: &b {<<: [*a, *a]}\n" + "c: {<<: [" + "*b, " * 40_000 + "*b]}", "aliases"),
        ("a: &a [*a]", "alias without a value"),
        ("a: *b", "alias without a value"),
        ("[" * 100_000, "nested deeper"),
        ("- " * 100_000, "nested deeper"),
        ("".join(" " * depth + "a:\n" for depth in range(1_000)), "nested deeper"),
        ("a: 1\na: 2", "key twice"),
        ("a: {b: 1, b: 2}", "key twice"),
        ("1: x", "no text"),
        ("2026-01-01: x", "no text"),
        ("? [a]\n: b", "unhashable"),
        ("a: !!binary zzz", "tag"),
        ("a: !!python/object/apply:os.system [x]", "tag"),
        ("a: !!timestamp x", "tag"),
        ("a: 2026-99-99", "number or a date"),
        ("a: 2026-01-01 00:00:00 +99:99", "number or a date"),
        ("a: 1" + "0" * 5_000, "number or a date"),
        ("a: 0x_", "number or a date"),
        ("a: 1" + "0" * 309, "not finite"),
        ("a: .inf", "not finite"),
        ("a: \x1b[2J", "character"),
        ("a: \0", "character"),
        ('a: "\\ud800"', "Unicode"),
        ("a: 1\n---\nb: 2", "another document"),
        ("a: [", "line 2|line 1"),
    ],
)
def test_parse_yaml_refuses(text: str, reason: str) -> None:
    started = time.monotonic()
    with pytest.raises(DocumentError, match=reason) as raised:
        parse_yaml(text)
    assert str(raised.value).isprintable()
    assert time.monotonic() - started < 5


def test_parse_yaml_keeps_anchors_and_dates() -> None:
    text = (
        "base: &base {a: 1, on: x}\nother: {<<: *base, a: 2}\nsame: *base\nday: 2026-01-31\nid: !!str 0123\n"
    )
    base = {"a": 1, "on": "x"}
    with pytest.raises(DocumentError, match="no text"):
        parse_yaml(text)  # `on` is a truth value in YAML 1.1
    assert parse_yaml(text.replace("on:", '"on":')) == {
        "base": base,
        "other": {**base, "a": 2},
        "same": base,
        "day": date(2026, 1, 31),
        "id": "0123",
    }
    assert parse_yaml("") is None


def test_ids() -> None:
    assert is_id(new_id(datetime.now(UTC)))
    for text in (
        "",
        "[/red]",
        "20300115T021700Z-77ab\n",
        "20300115T021700Z-77AB",
        "../20300115T021700Z-77ab",
        "\uff120300115T021700Z-77ab",
    ):
        assert not is_id(text)
