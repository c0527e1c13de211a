"""What the documents say to type can be typed, and what they point at is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import cyclopts
import pytest

from cli.app import app

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md"), *CHECKOUT.glob("bench/*.md")])
_COMMAND = re.compile(r"(?:^\s*(?:\$ )?|`)(?:\w+=\S+ )?(\./bulwark(?: [^`\n#|]*)?)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_PATH = re.compile(r"`([\w.-]+(?:/[\w.<>*-]+)+/?)`")
_OURS = tuple(f"{path.name}/" for path in CHECKOUT.iterdir() if path.is_dir() and path.name[0] != ".")


def commands() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        if document.name == "CHANGELOG.md":  # tells of the past
            continue
        for found in _COMMAND.finditer(document.read_text()):
            yield document.relative_to(CHECKOUT).as_posix(), found[1].strip().rstrip(".,;:")


@pytest.mark.parametrize(("document", "command"), sorted(set(commands())))
def test_a_command_in_a_document_is_one_that_exists(document: str, command: str) -> None:
    # The documents' way to say "and so on" or "one of these" is no command.
    if any(sign in command for sign in ("...", "[", "…")):
        pytest.skip("says itself that it is not whole")
    words = shlex.split(command)[1:]
    if words and words[0] not in {"--help", "--version"}:
        try:
            app.parse_args(words, exit_on_error=False, print_error=False)
        except cyclopts.CycloptsError as error:
            pytest.fail(f"{document}: `{command}`: {error}")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(CHECKOUT).as_posix())
def test_what_a_document_points_at_is_there(document: Path) -> None:
    text = document.read_text()
    links = [document.parent / found[1] for found in _LINK.finditer(text)]
    paths = [
        CHECKOUT / found[1]
        for found in _PATH.finditer(text)
        if found[1].startswith(_OURS) and not set(found[1]) & set("<>*")
    ]
    missing = [str(path.relative_to(CHECKOUT)) for path in (*links, *paths) if not path.exists()]
    assert not missing
