"""The folder of a checkout's state: nobody else of the machine can hold its locks or list it."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

import pytest

from core import state_folder
from core.atomic_folder import lock_folder
from core.failure import Failure
from core.lock_file import open_lock_file
from core.state_folder import StateFolder

_NOBODY = 65_534


def hold_folder_lock(root: Path) -> Path:
    with lock_folder(root / "built") as lock:
        return lock


def draw_port(root: Path) -> Path:
    StateFolder(root).port("a")
    return root / ".ports.json.lock"


def draw_secret(root: Path) -> Path:
    StateFolder(root).secret("a")
    return root / ".secrets.json.lock"


@pytest.mark.parametrize("use", [hold_folder_lock, draw_port, draw_secret])
def test_another_user_cannot_open_a_lock_file(tmp_path: Path, use: Callable[[Path], Path]) -> None:
    before = os.umask(0o022)
    try:
        lock = use(tmp_path)
    finally:
        os.umask(before)
    assert S_IMODE(lock.stat().st_mode) == 0o600
    lock.chmod(0o644)  # as an older version made it
    use(tmp_path)
    assert S_IMODE(lock.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may try as another user")
def test_another_user_who_tries_does_not_open_a_lock_file(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path("/") and folder.stat().st_uid == os.geteuid():
            folder.chmod(S_IMODE(folder.stat().st_mode) | 0o011)
    path = tmp_path / ".ports.json.lock"
    with open_lock_file(path):
        pass

    def opens() -> bool:
        """Tell whether another user can open the file, which is all that flock(2) needs."""
        return subprocess.run(["cat", path], user=_NOBODY, capture_output=True, check=False).returncode == 0

    assert not opens()
    path.chmod(0o644)
    assert opens(), "the folders above must not be what is in the way"


def test_the_folder_above_those_of_all_checkouts_cannot_be_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(state_folder.HOME_VARIABLE, raising=False)
    above = tmp_path / state_folder.default_root(Path("/checkout")).parent.name
    StateFolder(above / "one").create()
    assert [S_IMODE(folder.stat().st_mode) for folder in (above, above / "one")] == [0o711] * 2
    above.chmod(0o755)
    StateFolder(above / "two").create()
    assert S_IMODE(above.stat().st_mode) == 0o711


def test_a_chosen_folders_parent_keeps_its_mode(tmp_path: Path) -> None:
    chosen = tmp_path / "mine"
    chosen.mkdir(mode=0o755)
    StateFolder(chosen / "twin").create()
    assert S_IMODE(chosen.stat().st_mode) == 0o755


def test_no_two_checkouts_draw_the_same_port_until_one_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_folder, "_above_all", lambda: tmp_path / "state")
    monkeypatch.setattr(state_folder, "_PORTS", range(20_000, 20_400))
    one, two = (StateFolder(tmp_path / name) for name in ("one", "two"))
    drawn: list[int] = []
    for folder in (one, two):
        folder.root.mkdir()
        with suppress(Failure):
            drawn += [folder.port(str(number)) for number in range(200 if folder is one else 400)]
    drawn += [int(port) for port in json.loads((two.root / "ports.json").read_text()).values()]
    assert len(set(drawn)) == len(drawn)
    with pytest.raises(Failure, match="No port between 20000 and 20399 is left"):
        two.port("one more")
    shutil.rmtree(one.root)
    assert two.port("one more") in drawn[:200]
    assert S_IMODE((tmp_path / "state").stat().st_mode) == 0o711


def test_a_port_is_drawn_where_nothing_can_be_remembered_for_all_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_folder, "_above_all", lambda: Path("/proc/none"))
    assert StateFolder(tmp_path).port("a") == StateFolder(tmp_path).port("a")
