"""Compares a recovered database with what it must be, and says so check by check."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from recovery.drill.evidence import Check
from recovery.manifest import Figures, Table
from recovery.postgres.figures import differences
from recovery.postgres.table_name import TableName

_PARTS = {
    "tables": ("rows of every table", "a digest of all rows, table by table"),
    "sequences": ("sequences", "where each stands; ahead is fine"),
    "large_objects": ("large objects", "their number and a digest"),
    "extensions": ("extensions", "each with its version"),
}
_SHOWN = 5
DEFINITIONS: Final = "definitions: "
"""How the names of checks begin that compare one kind of definitions each."""


@dataclass(frozen=True)
class Bracket:
    """
    What a database was just before an instant and just after it.

    What is the same in both has to be so at the instant too. A table that was written to in between has to be
    as in one of them, unless it was written to several times.
    """

    before: Figures
    after: Callable[[tuple[str, ...]], Figures]
    """
    Of the named tables, or of everything where none is named.

    Asked only for what is not as before: it may mean reading the database once more.
    """


def compared(expected: Figures, found: Figures) -> Iterator[Check]:
    """Compare everything, in one check for each part."""
    kinds = sorted({*expected.definitions, *found.definitions})
    # "tables" and "sequences" are kinds of definitions too, which are looked at with their namesakes.
    for part in dict.fromkeys((*_PARTS, *kinds)):
        ignored = {*_PARTS, *kinds} - {part}
        wrong = differences(expected, found, ignoring=ignored)
        name, what = _PARTS.get(part, (f"{DEFINITIONS}{part.replace('_', ' ')}", "all of them, word by word"))
        yield Check(
            name=name,
            what=what,
            expected=_told(part, expected),
            actual=_listed(wrong) if wrong else _told(part, found),
            outcome="failed" if wrong else "passed",
        )


def between(bracket: Bracket, found: Figures) -> tuple[Figures, Figures, list[str]]:
    """
    Return what to expect, what was found of that, and the tables that were too busy to be known exactly.

    The last are in neither of the first two.
    """
    before = bracket.before
    if not differences(before, found):
        return before, found, []
    elsewhere = differences(before, found.model_copy(update={"tables": before.tables}))
    was, there = _by_name(before), _by_name(found)
    changed = [key for key in sorted({*was, *there}) if was.get(key) != there.get(key)]
    after = bracket.after(() if elsewhere else tuple(TableName(*key).pattern for key in changed))
    will_be = _by_name(after)
    expected: list[Table] = []
    busy: set[tuple[str, str]] = set()
    for key in sorted({*was, *will_be}):
        before_it, after_it, found_it = was.get(key), will_be.get(key), there.get(key)
        if found_it in (before_it, after_it):
            expected += [found_it] if found_it else []
        elif before_it == after_it and before_it:
            expected.append(before_it)
        else:
            busy.add(key)
    nearer = _nearer(before, after, found) if elsewhere else before
    kept = tuple(table for table in found.tables if (table.schema_name, table.name) not in busy)
    names = [f"{schema}.{name}" for schema, name in sorted(busy)]
    wanted = nearer.model_copy(update={"tables": tuple(expected)})
    return wanted, found.model_copy(update={"tables": kept}), names


def _by_name(figures: Figures) -> dict[tuple[str, str], Table]:
    return {(table.schema_name, table.name): table for table in figures.tables}


def _nearer(before: Figures, after: Figures, found: Figures) -> Figures:
    """Return what was before, but where the found is as afterwards, that."""
    objects = ("large_objects", "large_objects_digest")
    there = after if all(getattr(found, name) == getattr(after, name) for name in objects) else before
    return before.model_copy(
        update={
            "definitions": {
                kind: after.definitions[kind]
                if found.definitions.get(kind) == after.definitions.get(kind)
                else digest
                for kind, digest in before.definitions.items()
            },
            "extensions": after.extensions if found.extensions == after.extensions else before.extensions,
            **{name: getattr(there, name) for name in objects},
        }
    )


def _told(part: str, figures: Figures) -> str:
    match part:
        case "tables":
            rows = sum(table.rows for table in figures.tables)
            return f"{len(figures.tables)} tables, {rows:,} rows"
        case "sequences":
            return f"{len(figures.sequences)} sequences"
        case "large_objects":
            return f"{figures.large_objects} large objects"
        case "extensions":
            return ", ".join(f"{name} {version}" for name, version in sorted(figures.extensions.items()))
        case _:
            return figures.definitions.get(part, "none")[:16]


def _listed(sentences: list[str]) -> str:
    more = len(sentences) - _SHOWN
    return " ".join(sentences[:_SHOWN]) + (f" And {more} more." if more > 0 else "")
