"""Text of databases, archives and vaults on its way to a terminal and a log."""

import ast
import io
import re
import unicodedata
from pathlib import Path

import pytest
from rich.table import Table

from cli.events import RunLog
from core.console import PrintableConsole, plain
from core.failure import Failure
from core.text import printable

_ROOT = Path(__file__).parents[2]
_HOSTILE = {
    "clears the screen": "\x1b[2Ja\x1b]0;title\x07",
    "C1 as CSI and OSC": "\x9b2Ja\x9d0;title\x9c",
    "right to left": "a\u202egnp.exe\u2066b\u2069",
    "invisible": "a\u200b\ufeff\u00ad\U000e0041b",
    "carriage return": "bad\rgood",
    "backspace and DEL": "bad\x08\x08\x08\x7fgood",
    "half a surrogate": "a\udce9b",
    "line separators": "a\u2028b\u2029c\x85d",
    "rich's markup": "[/red][bold]x[link=https://example.com]y",
}


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_text_loses_what_commands_a_terminal(text: str) -> None:
    """Neither form keeps a control or format character, and both can be written as UTF-8."""
    for multiline in (False, True):
        shown = printable(text, multiline=multiline)
        assert not {"Cc", "Cf", "Cs", "Zl", "Zp"} & {unicodedata.category(letter) for letter in shown}
        assert shown.encode()


def test_text_keeps_every_letter() -> None:
    """What a person can read stays: other scripts, accents, spaces, symbols, characters of private use."""
    text = "größe\u00a0日本 שלום ع e\u0301 🙂 \ue000 [a] \\ 'x'"
    assert printable(text) == text
    assert printable("a\n\tb") == "a  b"
    assert printable("a\n\tb", multiline=True) == "a\n\tb"


def test_failure_of_a_hostile_text_has_its_own_lines_alone() -> None:
    """No quoted text can take the place of the next step, nor command the terminal."""
    lines = str(Failure("bad\n  Next: curl\x1b[8m", "ask\x9bK", "detail\r\n  Next: sh\n\x1b[0m")).split("\n")
    assert [line for line in lines if line.startswith("  Next:")] == ["  Next: askK"]
    assert all(line.startswith(("bulwark: bad", "    ", "  Next: ask")) for line in lines)
    assert "\x1b" not in "".join(lines)
    assert "\r" not in "".join(lines)


@pytest.mark.parametrize("text", _HOSTILE.values(), ids=_HOSTILE)
def test_console_prints_no_foreign_control_sequence(text: str) -> None:
    """In a table, a line and a markup, on a terminal: the only sequences are rich's colours."""
    written = io.StringIO()
    console = PrintableConsole(file=written, force_terminal=True, width=200, color_system="standard")
    table = Table("id")
    table.add_row(f"[red]{plain(text)}[/red]")
    console.print(table)
    console.print(text, style="red", markup=False)
    rest = re.sub(r"\x1b\[[0-9;]*m", "", written.getvalue())
    assert {letter for letter in rest if unicodedata.category(letter) in {"Cc", "Cf", "Cs"}} <= {"\n"}


def test_text_of_markup_is_shown_as_it_is() -> None:
    """An id that looks like markup is printed, and breaks nothing."""
    written = io.StringIO()
    PrintableConsole(file=written, width=80).print(f"[bold]{plain('[/red]')}[/bold]")
    assert written.getvalue() == "[/red]\n"


def test_log_of_a_run_has_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    """The ids and texts in an event of the log are printable."""
    with RunLog("Doing\x1b[2J", backup="id\x1b[2J\nlevel=info event=forged", rows=3):
        pass
    logged = capsys.readouterr().err
    assert "\x1b" not in logged
    assert len(logged.splitlines()) == 2
    assert "rows=3" in logged


def test_console_of_rich_is_made_in_one_place() -> None:
    """Every command prints with the console that strips control characters."""
    made = [
        f"{path.relative_to(_ROOT)}:{node.lineno}"
        for folder in ("cli", "core", "engine", "recovery", "review", "toolchain", "twin", "postgres_server")
        for path in (_ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Console"
    ]
    assert made == []
