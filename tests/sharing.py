"""
Which tests run in one process, one after the other: those marked `shares(NAME)` with the same name.

They share a deployed stack, a running twin or provider plugins: a fixture that each process makes once. Every
other test runs wherever there is room: a process goes on with its own file, whose fixtures it has made, then
takes a file that no other process has. Half of the processes take them from the last one on. The file with
most tests is left for the end, when all help where most is left. So tests that wait run beside tests that
compute, which they would not if all processes ran one file, or the files of one folder.

What takes longest begins first: if it began last, one processor would work and the others wait. What
is shared ends with the last test of its name: a twin whose time is fast would probe to the end of the run.

The scheduler runs in a process that collects nothing, and knows the tests' ids only; pytest-xdist 3.8.0 adds
groups to an attribute that pytest 9.2 no longer reads (`--dist loadgroup`). So the workers write the names to
a file.
"""

import json
import os
from collections import Counter, defaultdict, deque
from collections.abc import Generator, Mapping
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

_MARKER: Final = "shares(name): run in one process with all tests that share what this names"
_FILE: Final = "bulwark_shares"
LONGEST: Final = (
    *("fast_twin", "production", "many-stores", "fast_twin-2", "deployed", "adoption", "interruption"),
    *("without-stack", "previews", "elsewhere", "drill-platform"),
)
"""Names of what takes more than a minute, by how long it takes."""


class SharingScheduler(LoadScopeScheduling):
    """Gives all tests that share something to one worker, and each one a file of its own while there are."""

    def __init__(self, config: pytest.Config, log: Producer, file: Path) -> None:
        super().__init__(config, log)
        self._file = file
        self._file_of_node: dict[Any, str] = {}

    @cached_property
    def _names(self) -> Mapping[str, str]:
        # Read first when all workers have collected.
        return json.loads(self._file.read_text())

    def _split_scope(self, nodeid: str) -> str:
        return self._names.get(nodeid, nodeid)

    @cached_property
    def _waiting(self) -> dict[str, deque[str]]:
        """The units of each file that no worker has got; no file is without one."""
        waiting = defaultdict[str, deque[str]](deque)
        for unit, tests in self.workqueue.items():
            waiting[next(iter(tests)).partition("::")[0]].append(unit)
        return dict(waiting)

    def _assign_work_unit(self, node: Any) -> None:
        if self._waiting:  # else the queue has what a worker that crashed has left
            self.workqueue.move_to_end(self._take_unit(node), last=False)
        super()._assign_work_unit(node)

    def _take_unit(self, node: Any) -> str:
        file = self._file_of_node.get(node)
        if file not in self._waiting:
            file = self._file_of_node[node] = self._choose_file(node)
        unit = self._waiting[file].popleft()
        if not self._waiting[file]:
            del self._waiting[file]
        return unit

    def _choose_file(self, node: Any) -> str:
        longest = max(self._waiting, key=lambda file: len(self._waiting[file]))
        taken = {*self._file_of_node.values(), longest}
        free = [file for file in self._waiting if file not in taken]
        if not free:
            return longest
        begins_at_end = self.nodes.index(node) % 2 and self._waiting[free[0]][0] not in LONGEST
        return free[-1 if begins_at_end else 0]


class _Controller:
    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="bulwark-shares-")
        self._file = Path(self._folder.name, "shares.json")

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[_FILE] = str(self._file)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> LoadScopeScheduling:
        config.option.loadscopereorder = False  # the workers' order, instead of one by the number of tests
        return SharingScheduler(config, log, self._file)

    def pytest_unconfigure(self) -> None:
        self._folder.cleanup()


class _Worker:
    def __init__(self, file: Path) -> None:
        self._file = file

    @pytest.hookimpl(trylast=True)  # of what will run
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        units = {item: shared_by(item) or item.nodeid for item in items}
        tests = Counter(units.values())

        def order(item: pytest.Item) -> tuple[int, int]:
            unit = units[item]
            return LONGEST.index(unit) if unit in LONGEST else len(LONGEST), -tests[unit]

        items.sort(key=order)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: Any, nextitem: pytest.Item | None) -> Generator[None]:
        yield
        name = shared_by(item)
        if name and (nextitem is None or shared_by(nextitem) != name):
            # A second deployment of a fixture has its name and a number.
            fixture, _, _ = name.partition("-")
            for definition in item.session._fixturemanager.getfixturedefs(fixture, item) or ():  # noqa: SLF001
                definition.finish(item._request)  # noqa: SLF001

    # Before xdist says that this worker has collected.
    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        names = {item.nodeid: name for item in session.items if (name := shared_by(item))}
        own = self._file.with_suffix(f".{os.getpid()}")
        own.write_text(json.dumps(names))
        own.replace(self._file)  # the other workers write the same


def shared_by(item: pytest.Item) -> str | None:
    """Return the name of what a test shares with others."""
    marker = item.get_closest_marker("shares")
    return str(marker.args[0]) if marker else None


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", _MARKER)
    workerinput: dict[str, Any] | None = getattr(config, "workerinput", None)
    config.pluginmanager.register(_Controller() if workerinput is None else _Worker(Path(workerinput[_FILE])))
