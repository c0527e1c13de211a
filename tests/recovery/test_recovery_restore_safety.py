"""Before a restore: disk space for its archive, and whether its target is the source."""

import resource
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from dump_fixtures import create_bulk_table, dump_stream, fetch_value
from servers import PASSWORD, NewDatabase, database_url

from core.failure import Failure
from postgres_server.cluster import Cluster
from recovery.postgres.connection import is_same_database
from recovery.postgres.disk_space import private_folder, require_space, write_archive
from twin.host.home import TwinHome


@pytest.fixture
def filled_database(new_database: NewDatabase) -> str:
    url = new_database()
    create_bulk_table(url, 3_000)
    return url


def test_too_small_a_disk_is_refused_before_anything_is_downloaded(tmp_path: Path) -> None:
    require_space(tmp_path, 1)
    with pytest.raises(Failure, match=r"takes 1,000,000,000 MB; .* free"):
        require_space(tmp_path, 10**15)


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


def test_a_download_that_fills_the_disk_leaves_no_file(tiny_disk: Path) -> None:
    with pytest.raises(Failure, match=r"No space left on device.*\n.*free room"):
        write_archive((bytes(100_000) for _ in range(50)), tiny_disk)
    assert list(tiny_disk.iterdir()) == []


def test_a_download_beyond_the_file_size_limit_leaves_no_file(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(Failure, match="cannot be written"):
            write_archive((bytes(100_000) for _ in range(50)), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_a_download_that_breaks_leaves_no_file(filled_database: str, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        with dump_stream(filled_database) as chunks:
            yield next(chunks)
        raise Failure("the vault broke off", "again")

    with pytest.raises(Failure, match="broke off"):
        write_archive(broken(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_told_though_a_thread_still_makes_files_in_the_folder(tmp_path: Path) -> None:
    begun, ended = threading.Event(), threading.Event()

    def make_folders(folder: Path) -> None:
        with suppress(FileNotFoundError):  # the folder is gone
            while not ended.is_set():
                tempfile.mkdtemp(dir=folder)
                begun.set()

    def fail_meanwhile() -> None:
        with private_folder(tmp_path) as folder:
            threading.Thread(target=make_folders, args=(folder,)).start()
            assert begun.wait(30)
            raise Failure("the bucket is gone", "again")

    try:
        with pytest.raises(Failure, match="the bucket is gone"):
            fail_meanwhile()
    finally:
        ended.set()
    assert list(tmp_path.iterdir()) == []


def test_two_addresses_of_one_database_are_the_same_database(new_database: NewDatabase) -> None:
    url = new_database()
    assert is_same_database(url, url)
    assert is_same_database(
        url, url.replace("127.0.0.1", "localhost") + "?application_name=other&sslmode=prefer"
    )


def test_two_databases_or_two_servers_are_not_the_same_database(
    new_database: NewDatabase, other_cluster: Cluster
) -> None:
    url = new_database("same name")
    assert not is_same_database(url, new_database())
    assert not is_same_database(url, new_database("same name", server=other_cluster))


def test_a_branch_is_not_its_source_though_it_has_its_system_identifier(servers_home: TwinHome) -> None:
    # A young server, because a branch replays all of its history.
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
        assert fetch_value(source, identifier) == fetch_value(copy, identifier)
        assert not is_same_database(source, copy)
        assert is_same_database(copy, copy)


def test_comparing_a_target_with_a_source_that_cannot_be_reached_is_a_failure(
    new_database: NewDatabase,
) -> None:
    url = new_database()
    with pytest.raises(Failure, match="cannot connect"):
        is_same_database(url.replace(PASSWORD, "wrong-planted"), url)
