"""
Long matrices of cases: a run draws a sample of each, by a seed that it prints; `--all` runs them whole.

A test declares its matrix by the marker `matrix(sample, per=None)`: of its parameters' cases, `sample` are
drawn, or `sample` of each kind that `per` returns for the parameters. A loop draws by the fixture
`draw`. A test that the command line names by `::` runs with all of its cases.

A test or a module that takes minutes is marked `scenario(kind)`: of all with the same kind one is drawn. What
the command line names, by its file or by `::`, runs.

Hypothesis draws by the same seed, and fewer examples without `--all`.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, settings

_MARKER: Final = "matrix(sample, per=None): run a sample of the test's cases, or of each kind, without --all"
_SCENARIO: Final = "scenario(kind): run one of all tests and modules with the same kind, without --all"
_SEEDS: Final = 1_000_000
_EXAMPLES: Final = 25
_ALL_EXAMPLES: Final = 100
"""Examples of a property without and with `--all`."""

_T = TypeVar("_T")
_SAMPLING: Final[pytest.StashKey["Sampling"]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bulwark", "long matrices of cases")
    group.addoption("--all", dest="whole", action="store_true", help="run all cases of the long matrices")
    group.addoption("--seed", type=int, help="what the samples of long matrices are drawn by")


@pytest.hookimpl(tryfirst=True)  # before Hypothesis's plugin, which reads the seed
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    config.addinivalue_line("markers", _SCENARIO)
    config.stash[_SAMPLING] = sampling = Sampling(config)
    config.pluginmanager.register(sampling)


class Draw:
    """Draws from the cases of a loop."""

    def __init__(self, sampling: "Sampling") -> None:
        self._sampling = sampling

    def __call__(
        self, matrix: str, cases: Iterable[_T], sample: int, *, per: Callable[[_T], object] | None = None
    ) -> list[_T]:
        """Return the cases to run of what `matrix` names, in their order."""
        if self._sampling.named:
            return list(cases)
        return self._sampling.draw(matrix, cases, sample, per)


@pytest.fixture(scope="session")
def draw(request: pytest.FixtureRequest) -> Draw:
    """Draw from the cases of a loop, in a test or in a fixture."""
    return Draw(request.config.stash[_SAMPLING])


class Sampling:
    """Draws the cases of one run: the same in all of its processes."""

    def __init__(self, config: pytest.Config) -> None:
        workerinput: dict[str, Any] = getattr(config, "workerinput", {})
        seed = workerinput.get("bulwark_seed", config.getoption("seed"))
        self.seed: int = random.SystemRandom().randrange(_SEEDS) if seed is None else seed
        self.whole = bool(config.getoption("whole"))
        self.named = [argument.partition("[")[0] for argument in config.args if "::" in argument]
        """Tests that the command line names: all of their cases run."""

        self._named_files = [argument for argument in config.args if argument.endswith(".py")]

        self.skipped: dict[str, int] = {}
        """Matrix -> how many of its cases were not drawn."""

        config.option.hypothesis_seed = str(self.seed)  # read by Hypothesis's plugin, when it is configured
        # On a busy machine the first example takes long, whatever it tests.
        settings.register_profile(
            "bulwark",
            settings.get_profile("default"),  # whatever the environment has Hypothesis take
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
            max_examples=_ALL_EXAMPLES if self.whole else _EXAMPLES,
        )
        settings.load_profile("bulwark")

    def draw(
        self, matrix: str, cases: Iterable[_T], sample: int, per: Callable[[_T], object] | None
    ) -> list[_T]:
        """Return the drawn cases in their order, and count the others."""
        ordered = list(cases)
        if self.whole:
            return ordered
        chance = random.Random(f"{self.seed}:{matrix}")  # noqa: S311 - no secret
        kinds: dict[object, list[int]] = defaultdict(list)
        for number, case in enumerate(ordered):
            kinds[per(case) if per else None].append(number)
        drawn = {
            number
            for numbers in kinds.values()
            for number in chance.sample(numbers, min(sample, len(numbers)))
        }
        if len(drawn) < len(ordered):
            self.skipped[matrix] = self.skipped.get(matrix, 0) + len(ordered) - len(drawn)
        return [case for number, case in enumerate(ordered) if number in drawn]

    # Before `-k` deselects: with the same seed a part of the tests draws the cases that all of them do.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        matrices: dict[str, list[pytest.Function]] = defaultdict(list)
        scenarios: dict[str, dict[str, list[pytest.Item]]] = defaultdict(lambda: defaultdict(list))
        for item in items:
            if isinstance(item, pytest.Function) and item.get_closest_marker("matrix"):
                matrices[item.nodeid.partition("[")[0]].append(item)
            for node, mark in item.iter_markers_with_node("scenario"):
                scenarios[mark.args[0]][node.nodeid.partition("[")[0]].append(item)
        left: set[pytest.Item] = set()
        for kind, tests in scenarios.items():
            drawn = self.draw(kind, tests, 1, None)
            left.update(
                test
                for name, tests_of_one in tests.items()
                if name not in drawn and not _is_named(name, self.named + self._named_files)
                for test in tests_of_one
            )
        for name, cases in matrices.items():
            if not _is_named(name, self.named):
                left.update(set(cases) - set(self._drawn(name, cases)))
        if left:
            config.hook.pytest_deselected(items=[item for item in items if item in left])
            items[:] = [item for item in items if item not in left]

    def _drawn(self, name: str, items: Sequence[pytest.Function]) -> list[pytest.Function]:
        marker = items[0].get_closest_marker("matrix")
        assert marker
        sample, per = _arguments(*marker.args, **marker.kwargs)
        return self.draw(name, items, sample, per and (lambda item: per(**item.callspec.params)))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["bulwark_seed"] = self.seed

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker has counted; all of them collect the same, and each runs its own."""
        self.skipped |= getattr(node, "workeroutput", {}).get("bulwark_skipped", {})

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output["bulwark_skipped"] = self.skipped

    def pytest_report_header(self) -> str:
        return "matrices: whole" if self.whole else f"matrices: sampled by the seed {self.seed}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skipped:
            cases, matrices = sum(self.skipped.values()), len(self.skipped)
            terminalreporter.section("long matrices")
            terminalreporter.line(
                f"{cases} cases of {matrices} long matrices were not drawn by the seed {self.seed}."
            )
            terminalreporter.line(f"The same again: ./bulwark test --seed {self.seed}")
            terminalreporter.line("All of them: ./bulwark test --all")


def _is_named(name: str, arguments: Iterable[str]) -> bool:
    """Tell whether arguments name a test, its file, or a test of the file that is asked for."""
    file, _, test = name.partition("::")
    named = (argument.partition("::") for argument in arguments)
    return any(
        (file.endswith(other) or other.endswith(file)) and (not test or not only or test == only)
        for other, _, only in named
    )


def _arguments(
    sample: int, per: Callable[..., object] | None = None
) -> tuple[int, Callable[..., object] | None]:
    return sample, per
