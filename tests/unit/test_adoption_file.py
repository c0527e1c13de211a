"""Writing into a stack's file: only after a yes, whole, and never over a change of somebody else."""

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli import adopt
from cli.adoption import settings_file
from core.failure import Failure
from engine import stack_file
from engine.targets import find_target

PROD = find_target("prod", on_twin=False)


@contextmanager
def terminal_with_answer(answer: str, patch: pytest.MonkeyPatch) -> Generator[None]:
    """Let standard input be a terminal at which the answer is typed."""
    keyboard, terminal = os.openpty()
    os.write(keyboard, answer.encode())
    with os.fdopen(terminal) as typed:
        patch.setattr("sys.stdin", typed)
        yield
    os.close(keyboard)


@pytest.mark.parametrize(
    ("answer", "agrees"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("\n", False), ("prod\n", False)]
)
def test_adopt_is_confirmed_by_a_yes_alone(
    answer: str, agrees: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with terminal_with_answer(answer, monkeypatch):
        assert adopt.confirm(PROD, "Pulumi.prod.yaml") is agrees


def test_adopt_warns_before_the_twins_ids_are_written_into_productions_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with terminal_with_answer("n\n", monkeypatch):
        adopt.confirm(find_target("prod", on_twin=True), "Pulumi.prod.yaml")
    assert "These are the twin's ids, which no vendor knows. Write this into" in capsys.readouterr().out


def test_a_settings_file_keeps_its_mode_and_the_link_to_it(tmp_path: Path) -> None:
    file, link = tmp_path / "real.yaml", tmp_path / "Pulumi.prod.yaml"
    file.write_text("a: 1\n")
    file.chmod(0o640)
    link.symlink_to(file)
    settings_file.replace(link, "a: 1\n", "a: 2\r\n")
    assert file.read_bytes() == b"a: 2\r\n"
    assert settings_file.read(link) == "a: 2\r\n"
    assert (stat.S_IMODE(file.stat().st_mode), link.is_symlink()) == (0o640, True)
    assert sorted(tmp_path.iterdir()) == [link, file]


def test_a_settings_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text("a: 3 # mine\n")
    with pytest.raises(Failure, match=r"Pulumi\.prod\.yaml was changed meanwhile"):
        settings_file.replace(file, "a: 1\n", "a: 2\n")
    assert file.read_text() == "a: 3 # mine\n"


def test_a_settings_file_that_cannot_be_written_stays_unchanged(tmp_path: Path) -> None:
    file = tmp_path / f"{'long' * 62}.yml"  # no name is left for what is being written
    file.write_text("a: 1\n")
    with pytest.raises(Failure, match="can't be written: File name too long"):
        settings_file.replace(file, "a: 1\n", "a: 2\n")
    assert file.read_text() == "a: 1\n"


def test_an_invalid_setting_is_not_written() -> None:
    path = stack_file.path_of("prod")
    good = settings_file.read(path)
    settings_file.check(path, good, PROD)
    bad = f"{good}  bulwark:existing: {{ adopt: {{ uptime-backend-health: [a, b] }} }}\n"
    with pytest.raises(
        Failure,
        match=r"(?s)Pulumi\.prod\.yaml would not be good.*adopt\.uptime-backend-health: .*nothing was",
    ):
        settings_file.check(path, bad, PROD)
