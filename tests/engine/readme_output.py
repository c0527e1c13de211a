"""The output that README.md shows, compared with that of a real run: its figures differ, and nothing else."""

import re
from pathlib import Path
from typing import Final

README: Final = Path(__file__).parents[2] / "README.md"

_FIGURES: Final = (
    (r"\d{8}T\d{6}Z-[0-9a-f]{4}", "ID"),
    (r"\d{4}-\d{2}-\d{2}", "DATE"),
    (r"[\d.]+ (kB|MB|B)\b", "SIZE"),
    (r"\b\d+ min( \d+ s)?\b|\b[\d.]+ m?s\b", "SECONDS"),
    (r"\b\d,\d{3} rows", "ROWS"),
)
"""What differs from run to run -> the word that stands for it here."""

_FRAME: Final = "┏┃┡│└"
_COMMAND: Final = re.compile(r"^\$ \./bulwark (.*)$", re.MULTILINE)


def read_block(beginning: str) -> str:
    """Return the block of output that begins with a text."""
    [block] = [
        block
        for block in re.findall(r"^```text\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
        if block.startswith(beginning)
    ]
    return block


def find_differences(block: str, output: str, **replaced: str) -> list[str]:
    """
    Return what of a block is not in a real output, without its commands.

    Tables may be of another width. `replaced` are what the run says in place of the block's, `old -> new`, by
    any name.
    """
    for pair in replaced.values():
        old, new = pair.split(" -> ")
        assert old in block
        block = block.replace(old, new)
    shown, text, rows = _COMMAND.sub("", block), _squeeze(output), _read_rows(output)
    lines = [_squeeze(line) for line in shown.splitlines() if line and line[0] not in _FRAME]
    return [line for line in lines if line not in text] + [
        row for row in _read_rows(shown) if row not in rows
    ]


def _squeeze(text: str) -> str:
    """Return a text in one line, as terminals break long ones."""
    return _without_figures(" ".join(text.split()))


def _read_rows(text: str) -> list[str]:
    """Return each row of the tables in one line, with what its cells continue on further lines."""
    rows: list[list[str]] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"[│┃]", line)[1:-1]]
        if line[:1] not in "│┃" or not line:
            continue
        if rows and len(rows[-1]) == len(cells) and not cells[0]:
            rows[-1] = [f"{before} {more}".strip() for before, more in zip(rows[-1], cells, strict=True)]
        else:
            rows.append(cells)
    return [_without_figures(" | ".join(row)) for row in rows]


def _without_figures(text: str) -> str:
    for pattern, word in _FIGURES:
        text = re.sub(pattern, word, text)
    return text
