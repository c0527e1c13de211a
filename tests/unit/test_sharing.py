"""Tests that share something run in one process, and no other test waits for them."""

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest
from sharing import LONGEST, shared_by

pytest_plugins = "pytester"

TESTS = str(Path(__file__).parents[1])
SHARED = {"deployed", "failing", "fast_twin", "production", "previews", "real"}
"""Fixtures of the session that take minutes: each has the name that its tests share."""

MODULE = """
import os, pytest
pytestmark = pytest.mark.shares("{name}")

@pytest.mark.parametrize("number", range(6))
def test_it(number):
    print("ran", "{name}", os.environ["PYTEST_XDIST_WORKER"])
"""
STACK = """
import pytest
STACK = []

@pytest.fixture(scope="session")
def stack():
    STACK.append(1)
    yield STACK
    STACK.clear()
"""
FREE = """
import os, time, pytest

@pytest.mark.parametrize("number", range(12))
def test_it(number):
    time.sleep(0.02)
    print("ran", "free", os.environ["PYTEST_XDIST_WORKER"])
"""

OWN_FILE = """
import os, time, pytest
from pathlib import Path
HERE = Path(__file__).parent

def wait_for(name):
    end = time.monotonic() + 30
    while not (HERE / name).exists():
        assert time.monotonic() < end, name
        time.sleep(0.01)

@pytest.mark.parametrize("number", range(12))
def test_it(number):
    print("ran", "{name}", os.environ["PYTEST_XDIST_WORKER"])
    {wait}
    (HERE / f"{name}{{number}}").touch()
"""


def test_one_worker_runs_all_that_share_a_name_whatever_their_files(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]))
    pytester.makepyfile(
        test_a=MODULE.format(name="one"),
        test_b=MODULE.format(name="other"),
        test_c=MODULE.format(name="one"),
        test_d=FREE,
    )
    ended = pytester.runpytest_subprocess("-p", "sharing", "-p", "no:cacheprovider", "-rA", "-n", "2")
    text = ended.stdout.str()
    assert ended.ret == 0, text
    workers: dict[str, list[str]] = defaultdict(list)
    for name, worker in re.findall(r"^ran (\w+) (\w+)$", text, re.MULTILINE):
        workers[name].append(worker)
    assert {name: len(ran) for name, ran in workers.items()} == {"one": 12, "other": 6, "free": 12}
    assert len(set(workers["one"])) == 1
    assert len(set(workers["other"])) == 1
    assert set(workers["free"]) == {"gw0", "gw1"}


def test_a_worker_has_a_file_of_its_own_until_there_is_no_more_and_helps_then(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]))
    pytester.makepyfile(
        test_a=OWN_FILE.format(name="own", wait=""),
        # Its first test ends when the other file and the last test of this one have run.
        test_b=OWN_FILE.format(name="other", wait="number or wait_for('own11') or wait_for('other11')"),
    )
    ended = pytester.runpytest_subprocess("-p", "sharing", "-p", "no:cacheprovider", "-rA", "-n", "2")
    text = ended.stdout.str()
    assert ended.ret == 0, text
    ran = re.findall(r"^ran (\w+) (\w+)$", text, re.MULTILINE)
    workers = {name: {worker for ran_name, worker in ran if ran_name == name} for name in ("own", "other")}
    assert len(workers["own"]) == 1
    assert workers["other"] == {"gw0", "gw1"}


def test_what_takes_longest_begins_first(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]))
    pytester.makepyfile(
        test_a=FREE,
        test_b=MODULE.format(name="of-many-tests"),
        test_c=MODULE.format(name=LONGEST[1]),
        test_d=MODULE.format(name=LONGEST[0]),
    )
    ended = pytester.runpytest_subprocess("-p", "sharing", "-p", "no:cacheprovider", "-v", "-n", "1")
    began = re.findall(r"(test_\w)\.py::test_it\[0\]", ended.stdout.str())
    assert list(dict.fromkeys(began)) == ["test_d", "test_c", "test_b", "test_a"], ended.stdout.str()


def test_what_is_shared_ends_with_the_last_test_of_its_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([TESTS, *filter(None, [os.environ.get("PYTHONPATH")])]))
    pytester.makeconftest(STACK)
    pytester.makepyfile(
        test_a="import pytest\n@pytest.mark.shares('stack')\ndef test_first(stack): assert stack == [1]",
        test_b="import pytest\n@pytest.mark.shares('stack')\ndef test_last(stack): assert stack == [1]",
        test_c="import conftest\ndef test_other(): assert conftest.STACK == []",
    )
    ended = pytester.runpytest_subprocess("-p", "sharing", "-p", "no:cacheprovider", "-n", "1")
    ended.assert_outcomes(passed=3)


def test_what_takes_longest_exists() -> None:
    texts = [file.read_text() for file in Path(TESTS).rglob("test_*.py")]
    assert set(LONGEST) <= {name for text in texts for name in re.findall(r'shares\("([^"]+)"\)', text)}


def test_whatever_uses_a_stack_of_the_session_is_marked_with_its_name(request: pytest.FixtureRequest) -> None:
    wrong = {
        item.nodeid: sorted(used)
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and (used := SHARED.intersection(item.fixturenames))
        and (shared_by(item) or "").partition("-")[0] not in used  # `fast_twin-2` is another one of them
    }
    assert wrong == {}
