"""The expected content of a database at an instant, from its content just before and just after."""

from collections.abc import Callable

import pytest

from recovery.drill.comparison import Bracket, expect_at_instant
from recovery.manifest import Checksums, Table


def checksums(definitions: str = "same", **digests: str) -> Checksums:
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


def read_again(after: Checksums, requests: list[tuple[str, ...]]) -> Callable[[tuple[str, ...]], Checksums]:
    def answer(tables: tuple[str, ...]) -> Checksums:
        requests.append(tables)
        kept = [table for table in after.tables if not tables or f'"public"."{table.name}"' in tables]
        return after.model_copy(update={"tables": tuple(kept)})

    return answer


@pytest.mark.parametrize(
    ("found", "expected", "busy"),
    [
        pytest.param(checksums(a="1", b="1", c="1"), [], [], id="as-before"),
        pytest.param(checksums(a="1", b="2", c="1"), [('"public"."b"',)], [], id="one-table-as-after"),
        pytest.param(
            checksums(a="1", b="1b", c="1"), [('"public"."b"',)], ["public.b"], id="written-to-twice"
        ),
        pytest.param(checksums("new", a="1", b="2", c="1"), [()], [], id="definitions-as-after"),
    ],
)
def test_only_tables_that_differ_from_before_are_read_again(
    found: Checksums, expected: list[tuple[str, ...]], busy: list[str]
) -> None:
    requests: list[tuple[str, ...]] = []
    before, after = checksums(a="1", b="1", c="1"), checksums("new", a="1", b="2", c="1")
    expected_content, compared, unknown = expect_at_instant(
        Bracket(before, read_again(after, requests)), found
    )
    assert requests == expected
    assert unknown == busy
    assert expected_content == compared


@pytest.mark.parametrize(
    "found", [checksums(a="1", c="1"), checksums(a="1", b="1", c="f")], ids=["gone", "other"]
)
def test_a_table_that_is_neither_as_before_nor_as_after_is_a_difference(found: Checksums) -> None:
    same = checksums(a="1", b="1", c="1")
    expected_content, compared, unknown = expect_at_instant(Bracket(same, read_again(same, [])), found)
    assert unknown == []
    assert expected_content != compared
