"""
Definitions of everything in a database except rows, as texts, and their fingerprint.

An object's text is the same in the source and in a copy that was restored from a dump, on the same major
version: a newer server may word the same definition differently.

Not covered: subscriptions (only a superuser can read them), tablespaces, members of extensions, and the
database's own settings and privileges (recovery.postgres.globals).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Final, LiteralString, Self

import psycopg
from psycopg import sql

from core.documents import DocumentError, read_json
from core.failure import Failure
from core.text import printable
from recovery.manifest import ManifestModel
from recovery.postgres.catalog_queries import ATTRIBUTES, COMMON, OBJECTS, RELATIONS
from recovery.postgres.compression import compress, decompress
from recovery.postgres.connection import redact

_MAX_BYTES: Final = 256 << 20
"""Of the definitions of one database; those of 10,000 tables are about 20 MB."""

_SHOWN_DIFFERENCES: Final = 20
"""Of one kind."""

_CONTEXT_CHARACTERS: Final = 120
"""Of a text, shown before and after the first difference."""

_MASKED_CHARACTERS: Final = 1000
"""Of a text, searched for secrets before and after the first difference."""

_NOUNS: Final = {
    "tables": "The table",
    "columns": "The column",
    "constraints": "The constraint",
    "indexes": "The index",
    "triggers": "The trigger",
    "rules": "The rule",
    "views": "The view",
    "policies": "The policy",
    "sequences": "The sequence",
    "statistics": "The statistics object",
    "schemas": "The schema",
    "types": "The type",
    "functions": "The function",
    "operators": "The operator",
    "casts": "The cast",
    "collations": "The collation",
    "text_search": "The text search object",
    "event_triggers": "The event trigger",
    "publications": "The publication",
    "foreign": "The foreign object",
    "security_labels": "The security label of",
    "others": "The",
    "comments": "The comment on",
    "owners": "The owner of",
    "grants": "What is granted on",
}
"""Kind of definitions -> how a sentence about one of them begins."""

_LITERAL = r"E?'(?:[^']|'')*'::[^'\[\],()]+(?:\(\d+\))?"
_CAST_ARRAY = re.compile(rf"\(ARRAY\[({_LITERAL}(?:, {_LITERAL})*)\]\)::([^'\[\],()]+(?:\(\d+\))?)\[\]")
_ELEMENT = re.compile(_LITERAL)


class Definitions(ManifestModel):
    """
    Definitions by kind, such as columns or indexes; each is a pair of the object's name and its text.

    They may hold secrets, for example in a function's body. They are stored compressed beside a dump, which
    holds the same.
    """

    kinds: dict[str, tuple[tuple[str, str], ...]]
    """Sorted by text. A name may be there several times, as with the privileges on one object."""

    def fingerprints(self) -> dict[str, str]:
        """Return the SHA-256 of each kind's texts. A zero byte, which no text contains, separates them."""
        return {
            kind: hashlib.sha256("\0".join(text for _, text in objects).encode()).hexdigest()
            for kind, objects in self.kinds.items()
        }

    def to_bytes(self) -> bytes:
        return b"".join(compress([self.model_dump_json().encode()]))

    @classmethod
    def from_bytes(cls, chunks: Iterable[bytes]) -> Self:
        """
        Return what `to_bytes` wrote.

        Raises:
            Failure: it is damaged or too large.
        """
        document = b"".join(decompress(chunks, max_bytes=_MAX_BYTES))
        try:
            return read_json(document, cls, max_bytes=_MAX_BYTES)
        except DocumentError as error:
            raise Failure(
                f"The definitions beside the dump can't be read: {error}.", "take another backup."
            ) from None


def compare_definitions(
    kind: str, expected: Sequence[tuple[str, str]], actual: Sequence[tuple[str, str]]
) -> list[str]:
    """
    Return one sentence per object of a kind that differs: its name, and where its text differs.

    Long texts are shown around the first difference, without passwords; of many differences the first ones.
    """
    noun = _NOUNS.get(kind, f"The definition of {kind.replace('_', ' ')}")
    before, after = _group_texts(expected), _group_texts(actual)
    names = sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
    sentences: list[str] = []
    for name in names[:_SHOWN_DIFFERENCES]:
        lost = "; ".join(text for text in before.get(name, []) if text not in after.get(name, []))
        found = "; ".join(text for text in after.get(name, []) if text not in before.get(name, []))
        wanted, got = _excerpts(lost, found)
        sentences.append(printable(f"{noun} {name} is not as expected: expected {wanted}, found {got}."))
    more = len(names) - _SHOWN_DIFFERENCES
    return sentences + ([f"And {more} more of the {kind.replace('_', ' ')}."] if more > 0 else [])


def _group_texts(objects: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, text in objects:
        texts.setdefault(name, []).append(text)
    return texts


def _excerpts(expected: str, actual: str) -> tuple[str, str]:
    """Return both texts, each cut to where they begin to differ."""
    # Masked with what stands before it, because that names a secret. A mask takes quadratic time.
    start = max(0, _count_same(expected, actual) - _MASKED_CHARACTERS)
    before, after = (redact(text[start : start + 2 * _MASKED_CHARACTERS]) for text in (expected, actual))
    if expected and actual and before == after:
        return "one text", "another one, which differs in a secret"
    shown = max(0, _count_same(before, after) - _CONTEXT_CHARACTERS)
    return _excerpt(before, shown, cut=start + shown > 0), _excerpt(after, shown, cut=start + shown > 0)


def _count_same(first: str, second: str) -> int:
    """Return how many characters are the same up to the first difference."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


def _excerpt(text: str, start: int, *, cut: bool) -> str:
    end = start + 2 * _CONTEXT_CHARACTERS
    return f'"{"..." if cut else ""}{text[start:end]}"' if text else "nothing"


def read_definitions(connection: psycopg.Connection, relation_oids: list[int] | None = None) -> Definitions:
    """
    Return the definitions of every kind.

    Args:
        connection: of recovery.postgres.snapshot, whose settings make the texts comparable.
        relation_oids: the selected relations (see select_relations); None is the whole database.
    """
    queries: dict[str, LiteralString] = {
        **RELATIONS,
        **ATTRIBUTES,
        **(OBJECTS if relation_oids is None else {}),
    }
    whole = sql.Literal(relation_oids is None)
    common = sql.SQL(COMMON).format(whole=whole, selected=sql.Literal(relation_oids or []))
    return Definitions(
        kinds={
            kind: _read_objects(connection, common, whole, query) for kind, query in sorted(queries.items())
        }
    )


def read_extensions(connection: psycopg.Connection) -> dict[str, str]:
    """Return the versions of the extensions by name."""
    return dict(connection.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1").fetchall())


def normalize_array_casts(definition: str) -> str:
    """
    Write `(ARRAY['a'::varchar])::text[]` as `ARRAY[('a'::varchar)::text]`.

    A server words `column IN ('a')` of a varchar column in the first way. When it has read that from a dump,
    it words it in the second.
    """

    def cast_elements(array: re.Match[str]) -> str:
        elements, target = array.groups()
        return f"ARRAY[{_ELEMENT.sub(lambda element: f'({element[0]})::{target}', elements)}]"

    return _CAST_ARRAY.sub(cast_elements, definition)


def _read_objects(
    connection: psycopg.Connection, common: sql.Composed, whole: sql.Literal, query: LiteralString
) -> tuple[tuple[str, str], ...]:
    # Queries without a placeholder contain braces of array literals.
    statement = sql.SQL(query).format(whole=whole) if "{whole}" in query else sql.SQL(query)
    objects = connection.execute(common + sql.SQL(" ") + statement).fetchall()
    if any(text is None for _, text in objects):
        # The server words an object as it is now, not as in the snapshot; pg_dump has the same problem.
        raise Failure(
            "something was dropped while its definition was read.",
            "run this again when nobody alters the schema.",
        )
    return tuple(
        sorted(
            ((name or "", normalize_array_casts(text)) for name, text in objects),
            key=lambda item: (item[1], item[0]),
        )
    )
