"""Room for an archive, and whether a target is the source."""

import resource
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from dump_fixtures import ask, dumping, fill
from servers import PASSWORD, NewDatabase, database_url

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.load import download_space, same_server, written
from twin.host.home import TwinHome


@pytest.fixture
def filled(database: NewDatabase) -> str:
    url = database()
    fill(url, 3_000)
    return url


def test_too_small_a_disk_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    download_space(tmp_path, 1)
    with pytest.raises(Failure, match=r"takes 1,000,000,000 MB; .* free"):
        download_space(tmp_path, 10**15)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_disk_that_fills_up_on_the_way_leaves_no_file(tiny_disk: Path) -> None:
    with pytest.raises(Failure, match=r"No space left on device.*\n.*free room"):
        written((bytes(100_000) for _ in range(50)), tiny_disk / "archive")
    assert list(tiny_disk.iterdir()) == []


def test_a_file_that_may_not_grow_leaves_none_either(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(Failure, match="cannot be written"):
            written((bytes(100_000) for _ in range(50)), tmp_path / "archive")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_stream_that_breaks_leaves_no_file(filled: str, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        with dumping(filled) as chunks:
            yield next(chunks)
        raise Failure("the vault broke off", "again")

    with pytest.raises(Failure, match="broke off"):
        written(broken(), tmp_path / "archive")
    assert list(tmp_path.iterdir()) == []


def test_two_names_of_one_database_are_one(database: NewDatabase) -> None:
    url = database()
    assert same_server(url, url)
    assert same_server(url, url.replace("127.0.0.1", "localhost") + "?application_name=other&sslmode=prefer")


def test_two_databases_or_two_servers_are_not_one(database: NewDatabase, other_cluster: Cluster) -> None:
    url = database("same name")
    assert not same_server(url, database())
    assert not same_server(url, database("same name", server=other_cluster))


def test_a_branch_is_not_its_source_though_it_has_its_system_identifier(servers_home: TwinHome) -> None:
    # A young server, for a branch replays all that has ever happened.
    young, branch = (
        Cluster(servers_home.postgres / name, servers_home.port(name)) for name in ("young", "branch")
    )
    identifier = "SELECT system_identifier FROM pg_control_system()"
    with ExitStack() as stack:
        stack.callback(young.destroy)
        stack.callback(branch.destroy)
        young.create(PASSWORD)
        young.start()
        young.branch(branch)
        source, copy = database_url(young, "postgres"), database_url(branch, "postgres")
        assert ask(source, identifier) == ask(copy, identifier)
        assert not same_server(source, copy)
        assert same_server(copy, copy)


def test_a_source_that_cannot_be_reached_is_no_proof(database: NewDatabase) -> None:
    url = database()
    with pytest.raises(Failure, match="cannot connect"):
        same_server(url.replace(PASSWORD, "wrong-planted"), url)
