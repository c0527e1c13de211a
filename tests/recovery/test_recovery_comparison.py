"""What a database has to look like at an instant, told by how it was just before and just after."""

from collections.abc import Callable

import pytest

from recovery.drill.comparison import Bracket, between
from recovery.manifest import Checksums, Table


def holding(definitions: str = "same", **digests: str) -> Checksums:
    return Checksums(
        tables=tuple(
            Table(schema_name="public", name=name, rows=1, digest=digest) for name, digest in digests.items()
        ),
        sequences=(),
        large_objects=0,
        large_objects_digest="0" * 16,
        definitions={"tables": definitions},
        extensions={},
    )


def answering(after: Checksums, asked: list[tuple[str, ...]]) -> Callable[[tuple[str, ...]], Checksums]:
    def answer(tables: tuple[str, ...]) -> Checksums:
        asked.append(tables)
        kept = [table for table in after.tables if not tables or f'"public"."{table.name}"' in tables]
        return after.model_copy(update={"tables": tuple(kept)})

    return answer


@pytest.mark.parametrize(
    ("found", "asked_for", "busy"),
    [
        pytest.param(holding(a="1", b="1", c="1"), [], [], id="as-before"),
        pytest.param(holding(a="1", b="2", c="1"), [('"public"."b"',)], [], id="one-table-as-after"),
        pytest.param(holding(a="1", b="1b", c="1"), [('"public"."b"',)], ["public.b"], id="written-to-twice"),
        pytest.param(holding("new", a="1", b="2", c="1"), [()], [], id="definitions-as-after"),
    ],
)
def test_only_what_is_not_as_before_is_read_once_more(
    found: Checksums, asked_for: list[tuple[str, ...]], busy: list[str]
) -> None:
    asked: list[tuple[str, ...]] = []
    before, after = holding(a="1", b="1", c="1"), holding("new", a="1", b="2", c="1")
    wanted, compared, unknown = between(Bracket(before, answering(after, asked)), found)
    assert asked == asked_for
    assert unknown == busy
    assert wanted == compared


@pytest.mark.parametrize(
    "found", [holding(a="1", c="1"), holding(a="1", b="1", c="x")], ids=["gone", "other"]
)
def test_what_is_neither_as_before_nor_as_after_is_told(found: Checksums) -> None:
    same = holding(a="1", b="1", c="1")
    wanted, compared, unknown = between(Bracket(same, answering(same, [])), found)
    assert unknown == []
    assert wanted != compared
