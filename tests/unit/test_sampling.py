"""A run draws cases of long matrices by a seed: the same in all processes, some of each, all with `--all`."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = "pytester"

TESTS = str(Path(__file__).parents[1])
LONG = """
import pytest

@pytest.mark.matrix(sample=3)
@pytest.mark.parametrize("number", range(20))
def test_plain(number):
    pass

@pytest.mark.matrix(sample=1, per=lambda kind, **_: kind)
@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize("kind", "ab")
def test_kinds(kind, number):
    pass

def test_loop(draw):
    print("\\nlooped", *draw("a loop", range(20), 2))

def test_short():
    pass
"""
SCENARIOS = """
import pytest

@pytest.mark.scenario("travels")
def test_{name}():
    pass

@pytest.mark.scenario("meals")
@pytest.mark.parametrize("course", "ab")
def test_{name}_eats(course):
    pass
"""
SCENARIO_MODULE = """
import pytest

pytestmark = pytest.mark.scenario("travels")

def test_goes():
    pass

def test_comes_back():
    pass
"""


class Run:
    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, *arguments: str) -> tuple[list[str], str]:
        """Return what a pytest process has run, and what it printed."""
        ended = self._pytester.runpytest_subprocess(
            *("-p", "sampling", "-p", "no:cacheprovider", "-rA", *arguments)
        )
        text = ended.stdout.str()
        assert ended.ret == 0, text
        looped = re.search(r"looped ([\d ]+)", text)
        cases = sorted(re.findall(r"^PASSED test_long.py::(\S+)", text, re.MULTILINE))
        return [*cases, f"looped {looped[1].strip()}" if looped else ""], text


@pytest.fixture(autouse=True)
def _plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pytest's processes import the plugin."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    pytester.makepyfile(test_long=LONG)
    return Run(pytester)


def test_a_seed_draws_some_cases_of_each_matrix_and_of_each_kind_and_counts_the_others(run: Run) -> None:
    cases, text = run("--seed", "7")
    tests = [case.partition("[")[0] for case in cases[:-1]]
    assert tests == [*["test_kinds"] * 2, "test_loop", *["test_plain"] * 3, "test_short"]
    assert {case[len("test_kinds[")] for case in cases[:2]} == {"a", "b"}
    assert len(cases[-1].split()) == len(["looped", "one", "other"])
    assert "53 cases of 3 long matrices were not drawn by the seed 7." in text
    assert "./bulwark test --seed 7" in text
    assert "./bulwark test --all" in text


def test_several_processes_draw_what_one_does(run: Run) -> None:
    alone, _ = run("--seed", "7")
    together, text = run("--seed", "7", "-n", "2")
    assert together == alone
    assert "53 cases of 3 long matrices were not drawn by the seed 7." in text


def test_a_drawn_seed_is_printed_and_repeats_the_run(run: Run) -> None:
    drawn, text = run("-n", "2")
    seed = re.search(r"--seed (\d+)", text)
    assert seed
    assert run("--seed", seed[1])[0] == drawn


def test_all_runs_every_case(run: Run) -> None:
    cases, text = run("--all")
    assert len(cases) == 20 + 2 * 10 + 2 + 1
    assert cases[-1].split() == ["looped", *map(str, range(20))]
    assert "not drawn" not in text


def test_a_test_that_is_named_runs_with_all_of_its_cases(run: Run) -> None:
    assert len(run("test_long.py::test_plain")[0]) == 20 + 1
    assert run("test_long.py::test_plain[4]")[0][0] == "test_plain[4]"
    assert run("test_long.py::test_loop")[0][-1].split() == ["looped", *map(str, range(20))]


def test_a_choice_by_keyword_draws_what_the_whole_run_does(run: Run) -> None:
    whole, _ = run("--seed", "7")
    chosen, _ = run("--seed", "7", "-k", "plain")
    assert chosen[:-1] == [case for case in whole if case.startswith("test_plain")]


@pytest.fixture
def list_scenarios(pytester: pytest.Pytester) -> Callable[..., set[str]]:
    """Give a function that runs pytest and returns the ids of what has run."""
    pytester.makepyfile(
        test_sea=SCENARIOS.format(name="ship"),
        test_land=SCENARIOS.format(name="train"),
        test_air=SCENARIO_MODULE,
    )

    def run(*arguments: str) -> set[str]:
        ended = pytester.runpytest_subprocess("-p", "sampling", "-p", "no:cacheprovider", "-rA", *arguments)
        return set(re.findall(r"^PASSED (\S+)", ended.stdout.str(), re.MULTILINE))

    return run


MEALS = [
    {f"{file}_eats[{course}]" for course in "ab"}
    for file in ("test_sea.py::test_ship", "test_land.py::test_train")
]
TRAVELS = [
    {"test_sea.py::test_ship"},
    {"test_land.py::test_train"},
    {"test_air.py::test_goes", "test_air.py::test_comes_back"},
]


def test_one_scenario_of_each_kind_is_drawn_whole(list_scenarios: Callable[..., set[str]]) -> None:
    drawn = [list_scenarios("--seed", str(seed)) for seed in range(4)]
    assert all(run in [travel | meal for travel in TRAVELS for meal in MEALS] for run in drawn)
    assert len({frozenset(run) for run in drawn}) > 1
    assert list_scenarios("--seed", "3", "-n", "2") == drawn[3]


def test_all_scenarios_run_with_all_and_those_that_are_named(
    pytester: pytest.Pytester, list_scenarios: Callable[..., set[str]]
) -> None:
    assert list_scenarios("--all") == set().union(*TRAVELS, *MEALS)
    assert list_scenarios("test_air.py", "test_sea.py::test_ship") == TRAVELS[0] | TRAVELS[2]
    assert list_scenarios("test_air.py::test_goes") == {"test_air.py::test_goes"}
    assert list_scenarios(str(pytester.path / "test_air.py")) == TRAVELS[2]
