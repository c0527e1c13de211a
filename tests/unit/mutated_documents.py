"""Mutations of documents: damaged, hostile, or of another form. A number draws one, always the same."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any, Final

import yaml

_RAW: Final = {
    "@nested@": b"[" * 100_000 + b"]" * 100_000,
    "@objects@": b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
    "@deep@": b"[" * 150 + b"]" * 150,
    "@open@": b"[" * 100_000,
    "@digits@": b"9" * 5_000,
    "@exponent@": b"1e999",
    "@nan@": b"NaN",
    "@infinity@": b"-Infinity",
    "@surrogate@": rb'"\ud800"',
    "@control@": b'"\x1b[2J\x07"',
    "@latin@": b'"\xe4\xff"',
    "@long@": b'"' + b"x" * 300_000 + b'"',
    "@wide@": b"[" + b"0," * 50_000 + b"0]",
    "@double@": b'{"a": 1, "a": 2}',
}
"""Placeholder -> what takes its place in the text, because `json.dumps` can't write it."""

_VALUES: Final = (
    *_RAW,
    None,
    True,
    False,
    0,
    1,
    -1,
    0.5,
    -0.0,
    1 << 31,
    (1 << 63) - 1,
    1 << 63,
    -(1 << 70),
    10**300,
    1e308,
    "",
    " ",
    "0",
    "1577836800",
    "null",
    "\0",
    "\x1b]0;title\x07",
    "\u202e\u2066",
    "[/red]",
    "../../outside",
    "x" * 2_000,
    "%s%n{0}{}${HOME}`id`",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00:00.123456789+00:00",
    "2999-01-01",
    "P10675199DT2H48M5.4775808S",
    [],
    {},
    [None],
    {"": None},
    ["a", ["b", {"c": 1}]],
)

_ALIASES: Final = "".join(
    f"a{level}: &a{level} [{', '.join(9 * [f'*a{level - 1}'] if level else 9 * ['x'])}]\n"
    for level in range(12)
)
_ROUNDS: Final = "r: &r {<<: *r, x: [*r]}\n"
_TAGS: Final = (
    "!!binary",
    "!!set",
    "!!python/object/apply:os.system",
    "!!timestamp",
    "!own",
    "&a",
    "*a",
    "!!int",
)

Place = tuple[Any, Any]
"""A collection of a document, and the key or index in it."""


def mutate_json(sample: bytes, number: int) -> bytes:
    """Return the mutation `number` of a JSON document."""
    chance = random.Random(number)  # noqa: S311 - no secret
    if number % 4 == 0:
        return mutate_bytes(sample, number)
    return _write_json(_mutate_value(json.loads(sample), chance), chance)


def mutate_yaml(sample: bytes, number: int) -> bytes:
    """Return the mutation `number` of a YAML document."""
    chance = random.Random(number)  # noqa: S311 - no secret
    match number % 4:
        case 0:
            return mutate_bytes(sample, number)
        case 1:
            return _mutate_yaml_text(sample, chance)
        case 2:
            # JSON is YAML too.
            value = json.loads(json.dumps(yaml.safe_load(sample), default=str))
            return _write_json(_mutate_value(value, chance), chance)
        case _:
            value = _mutate_value(yaml.safe_load(sample), chance)
            return yaml.safe_dump(value, allow_unicode=True).encode()


def mutate_bytes(sample: bytes, number: int) -> bytes:
    """Return the mutation `number` of any bytes."""
    chance = random.Random(number)  # noqa: S311 - no secret
    body = bytearray(sample)
    place = chance.randrange(len(body))
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: bytes(body[:place]),
        lambda: bytes(body[place:]),
        lambda: bytes(body[:place]) + chance.randbytes(chance.randint(1, 8)) + bytes(body[place:]),
        lambda: (
            bytes(body[:place])
            + chance.choice([b"\0", b"\x1b", b"\xff", b'"', b"{", b"[" * 999, b"\n", b","])
            + bytes(body[place:])
        ),
        lambda: bytes(body[:place]) + bytes(body[place + chance.randint(1, 30) :]),
        lambda: bytes(body) + bytes(body),
        lambda: bytes(body) + b"\0" * chance.randint(1, 9),
        lambda: b"\xef\xbb\xbf" + bytes(body),
        lambda: bytes(body).decode(errors="replace").encode("utf-16"),
        lambda: b"",
        lambda: bytes(body[:place]) + bytes(body[place : place + 50]) * 50 + bytes(body[place:]),
    )
    if chance.random() < 0.5:
        for _ in range(chance.choice([1, 1, 1, 2, 8])):
            body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        return bytes(body)
    return chance.choice(kinds)()


def _mutate_value(value: Any, chance: random.Random) -> Any:
    root = [value]
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        places = list(_list_places(root))
        holder, key = chance.choice(places)
        match chance.randrange(6):
            case 0 | 1 | 2:
                holder[key] = copy.deepcopy(chance.choice(_VALUES))
            case 3 if isinstance(holder, dict):
                del holder[key]
            case 4 if isinstance(holder, dict):
                holder[chance.choice(["more", "@twice@", "\x1b[2J", "", "x" * 5_000, "1", "é"])] = holder[key]
            case 5 if isinstance(holder[key], list):
                holder[key] = holder[key] * chance.choice([0, 2, 20])
            case _:
                # The value of another place, which is often of another type.
                other, name = chance.choice(places)
                holder[key] = json.loads(json.dumps(other[name], default=str))
    return root[0]


def _list_places(holder: Any) -> list[Place]:
    places: list[Place] = []
    waiting = [holder]
    while waiting:
        current = waiting.pop()
        items = list(current.items() if isinstance(current, dict) else enumerate(current))
        places += [(current, key) for key, _ in items]
        waiting += [inner for _, inner in items if isinstance(inner, (dict, list))]
    return places


def _write_json(value: Any, chance: random.Random) -> bytes:
    text = json.dumps(value, ensure_ascii=chance.random() < 0.5, indent=chance.choice([None, 2]), default=str)
    body = text.encode(errors="surrogatepass")
    for name, raw in _RAW.items():
        body = body.replace(json.dumps(name).encode(), raw)
    if b'"@twice@"' in body:
        first = body.split(b'"', 2)[1]
        body = body.replace(b'"@twice@"', b'"' + first + b'"')
    return body


def _mutate_yaml_text(sample: bytes, chance: random.Random) -> bytes:
    lines = sample.decode().splitlines(keepends=True)
    place = chance.randrange(len(lines))
    line = lines[place]
    match chance.randrange(6):
        case 0:
            lines[place:place] = [_ALIASES]
        case 1:
            lines.append(f"{_ALIASES}more: *a{chance.randrange(12)}\n")
        case 2:
            lines[place:place] = [_ROUNDS]
        case 3:
            head, colon, rest = line.partition(":")
            lines[place] = f"{head}{colon} {chance.choice(_TAGS)}{rest}"
        case 4:
            lines[place:place] = [line]
        case _:
            head, colon, _ = line.partition(":")
            odd = [
                "2026-01-01",
                ".inf",
                "1" * 400,
                "1_0:20:30",
                "0x",
                "0b1",
                "~",
                "=",
                "<<",
                "? [a]",
                "'",
                "| x",
                "[" * 200,
            ]
            lines[place] = f"{head}{colon} {chance.choice(odd)}\n"
    return "".join(lines).encode()
