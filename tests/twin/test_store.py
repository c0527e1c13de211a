"""The store that every process of the twin shares."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from twin.vendor.store import VendorStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vendors.sqlite3"


def run_python(program: str, path: Path) -> subprocess.Popen[str]:
    prelude = "import sys; from pathlib import Path; from twin.vendor.store import VendorStore\n"
    return subprocess.Popen(
        [sys.executable, "-c", prelude + program, str(path)], stdout=subprocess.PIPE, text=True
    )


def test_objects_that_one_process_wrote_are_read_by_another(path: Path) -> None:
    VendorStore(path).insert("neon", "project", "a", {"name": "käse", "quota": {"bytes": 2**40}, "ips": []})
    assert VendorStore(path).get("neon", "project", "a") == {
        "name": "käse",
        "quota": {"bytes": 2**40},
        "ips": [],
    }
    assert VendorStore(path).get("neon", "project", "b") is None
    assert VendorStore(path).get("sentry", "project", "a") is None


def test_objects_are_listed_in_order_of_creation_even_after_a_change(path: Path) -> None:
    store = VendorStore(path)
    for id_ in ("c", "a", "b"):
        store.insert("sentry", "team", id_, {})
    store.replace("sentry", "team", "c", {"changed": True})
    store.remove("sentry", "team", "a")
    assert store.list("sentry", "team") == {"c": {"changed": True}, "b": {}}


def test_an_id_is_taken_once_and_only_what_exists_is_replaced(path: Path) -> None:
    store = VendorStore(path)
    store.insert("sentry", "team", "a", {})
    with pytest.raises(sqlite3.IntegrityError):
        store.insert("sentry", "team", "a", {})
    with pytest.raises(KeyError):
        store.replace("sentry", "team", "b", {})
    store.remove("sentry", "team", "b")


def test_a_failed_transaction_leaves_nothing_even_when_nested(path: Path) -> None:
    store = VendorStore(path)
    store.insert("neon", "role", "taken", {})

    def insert_three() -> None:
        with store.transaction():
            store.insert("neon", "role", "outer", {})
            with store.transaction():
                store.insert("neon", "role", "inner", {})
            store.insert("neon", "role", "taken", {})

    with pytest.raises(sqlite3.IntegrityError):
        insert_three()
    assert list(VendorStore(path).list("neon", "role")) == ["taken"]
    store.insert("neon", "role", "later", {})
    assert list(VendorStore(path).list("neon", "role")) == ["taken", "later"]


def test_a_killed_writer_leaves_nothing_of_its_transaction_and_no_lock(path: Path) -> None:
    writer = run_python(
        "store = VendorStore(Path(sys.argv[1]))\n"
        "with store.transaction():\n"
        "    store.insert('neon', 'project', 'half', {})\n"
        "    print('inside', flush=True)\n"
        "    sys.stdin.read() or __import__('time').sleep(60)\n",
        path,
    )
    assert writer.stdout
    assert writer.stdout.readline() == "inside\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    store = VendorStore(path)
    assert store.list("neon", "project") == {}
    store.insert("neon", "project", "whole", {})


def test_processes_that_start_together_never_draw_the_same_number(path: Path) -> None:
    draw = (
        "store = VendorStore(Path(sys.argv[1]))\n"
        "print(*[store.next_number('uptimerobot') for _ in range(25)])\n"
    )
    drawn = [run_python(draw, path) for _ in range(4)]
    numbers = [int(word) for process in drawn for word in process.communicate()[0].split()]
    assert sorted(numbers) == list(range(1, 101))
    assert VendorStore(path).next_number("sentry") == 1


def test_threads_never_see_each_others_unfinished_transactions(path: Path) -> None:
    store = VendorStore(path)
    store.insert("v", "account", "sum", {"n": 0})

    def add(_: int) -> None:
        with store.transaction():
            account = store.get("v", "account", "sum")
            assert account is not None
            store.replace("v", "account", "sum", {"n": account["n"] + 1})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(200)))
    assert store.get("v", "account", "sum") == {"n": 200}


def test_a_stream_of_records_is_read_on_from_a_given_record(path: Path) -> None:
    store = VendorStore(path)
    first = store.append_log("probes", {"up": True})
    store.append_log("deliveries", {"to": "hook"})
    second = store.append_log("probes", {"up": False})
    assert [(entry.seq, entry.content) for entry in store.read_log("probes")] == [
        (first, {"up": True}),
        (second, {"up": False}),
    ]
    assert [entry.content for entry in store.read_log("probes", after=first)] == [{"up": False}]
    assert store.read_log("probes", after=second) == []


def test_pruning_keeps_the_newest_records_and_never_reuses_a_number(path: Path) -> None:
    store = VendorStore(path)
    numbers = [store.append_log("probes", {"n": n}) for n in range(5)]
    store.append_log("other", {})
    store.prune_log("probes", keep=2)
    assert [entry.content["n"] for entry in store.read_log("probes")] == [3, 4]
    store.prune_log("probes", keep=0)
    assert store.read_log("probes") == []
    assert store.append_log("probes", {}) > max(numbers)
    assert len(store.read_log("other")) == 1


def test_only_its_owner_may_read_the_stores_file(path: Path) -> None:
    before = os.umask(0)
    try:
        VendorStore(path).append_log("probes", {})
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
