"""A program ends when each of its outputs is known, also those that it makes meanwhile, or with an error."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from pulumi import Output
from pulumi.runtime import settings, stack

from engine.program_wait import wait_for_all

SETTINGS: Final[Any] = settings.SETTINGS


@pytest.fixture(autouse=True)
def no_outputs() -> Iterator[None]:
    SETTINGS.outputs.clear()
    yield
    SETTINGS.outputs.clear()


def run(declare: Callable[[], object]) -> None:
    async def program() -> None:
        kept = declare()
        await wait_for_all()
        del kept

    asyncio.run(program())


def known_after(seconds: float) -> "Output[float]":
    async def wait() -> float:
        await asyncio.sleep(seconds)
        return seconds

    return Output.from_input(wait())


def fail(error: Exception) -> object:
    raise error


def test_outputs_that_a_program_makes_while_others_are_open_are_waited_for() -> None:
    seen: list[str] = []

    def make_another(_: float) -> "Output[None]":
        return known_after(0.3).apply(lambda _: seen.append("second"))

    run(
        lambda: (
            known_after(0.05).apply(make_another),
            known_after(0.2).apply(lambda _: seen.append("first")),
        )
    )
    assert seen == ["first", "second"]
    assert not SETTINGS.outputs


def test_an_error_ends_the_wait_while_other_outputs_are_open() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: (known_after(600), known_after(0.05).apply(lambda _: fail(ZeroDivisionError()))))


def test_an_error_of_an_output_that_was_made_meanwhile_ends_the_wait_too() -> None:
    def make_another(_: float) -> object:
        return known_after(0.05).apply(lambda _: fail(ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        run(lambda: (known_after(600), known_after(0.05).apply(make_another)))


def test_a_resource_that_the_engine_did_not_make_is_no_error_of_the_program() -> None:
    seen: list[str] = []
    failed = stack.ResourceRegistrationFailed()
    run(
        lambda: (
            known_after(0.05).apply(lambda _: fail(failed)),
            known_after(0.2).apply(lambda _: seen.append("other")),
        )
    )
    assert seen == ["other"]


def test_a_program_without_outputs_has_ended() -> None:
    run(lambda: None)
