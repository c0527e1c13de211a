"""
Every command in a document is one that its program takes, and every link leads somewhere.

A runbook is read at the worst moment.
"""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

import botocore.session
import pytest
from botocore import xform_name
from documents import commands

from cli.app import app
from postgres_server.install import wheel_root
from toolchain.engine import search_path

_CHECKOUT: Final = Path(__file__).parents[2]
_DOCUMENTS: Final = sorted(
    [
        *_CHECKOUT.glob("docs/runbooks/*.md"),
        *(_CHECKOUT / "docs" / f"{name}.md" for name in ("drills", "policies", "production", "twin")),
        _CHECKOUT / "README.md",
    ]
)
_POSTGRES: Final = ("pg_dump", "pg_restore", "psql")
_PLAIN: Final = {"cd", "export", "mkdir", "printf", "read", "rm", "sha256sum", "umask", "zstd"}
"""What every system has, or what has no option that could be misremembered."""


def every(program: str) -> list[list[str]]:
    return [
        words for document in _DOCUMENTS for words in commands(document.read_text()) if words[:1] == [program]
    ]


def options(words: list[str]) -> list[str]:
    return [word.partition("=")[0] for word in words if word.startswith("--")]


@cache
def help_of(*command: str, path: str = "") -> str:
    ended = subprocess.run(
        [shutil.which(command[0], path=path or None) or command[0], *command[1:]],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return ended.stdout


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_command_is_ours_or_one_that_is_checked_below(document: Path) -> None:
    found = list(commands(document.read_text()))
    assert found
    known = {"./bulwark", "aws", "curl", "pulumi", "rclone", *_POSTGRES, *_PLAIN}
    assert {words[0] for words in found} <= known


@pytest.mark.parametrize("words", every("./bulwark"), ids=" ".join)
def test_our_own_commands_are_those_of_the_command_line(words: list[str]) -> None:
    called, _, _ = app.parse_args(words[1:], print_error=False, exit_on_error=False)
    assert called.__name__ == words[1] or words[1:] == ["--version"]


@pytest.mark.parametrize("words", [one for program in _POSTGRES for one in every(program)], ids=" ".join)
def test_postgresqls_programs_have_these_options(words: list[str]) -> None:
    offered = help_of(str(wheel_root() / "bin" / words[0]), "--help")
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


@pytest.mark.parametrize("words", every("pulumi"), ids=" ".join)
def test_pulumi_has_these_commands_and_options(words: list[str]) -> None:
    command = [word for word in words if re.fullmatch(r"[a-z]+", word) and word != "prod"]
    offered = help_of(*command, "--help", path=search_path())
    *above, last = command
    usage = rf"\n  {' '.join(above)} {last}\b|Aliases:\n  .*\b{last}\b"
    assert re.search(usage, offered)
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


@pytest.mark.parametrize("words", every("aws"), ids=" ".join)
def test_aws_has_these_operations_and_parameters(words: list[str]) -> None:
    service = botocore.session.get_session().get_service_model("s3")
    operations = {xform_name(name, "-"): name for name in service.operation_names}
    assert words[1] == "s3api"
    shape = service.operation_model(operations[words[2]]).input_shape
    takes = shape.members if shape else {}
    assert {option.removeprefix("--") for option in options(words)} <= {
        "region",
        *(xform_name(name, "-") for name in takes),
    }


@pytest.mark.parametrize("words", every("rclone"), ids=" ".join)
def test_rclone_has_these_commands_and_options(words: list[str]) -> None:
    offered = help_of(str(Path(sys.executable).with_name("rclone")), "help", "flags")
    offered += help_of(str(Path(sys.executable).with_name("rclone")), words[1], "--help")
    assert f"rclone {words[1]} source:path dest:path" in offered
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


@pytest.mark.skipif(not shutil.which("curl"), reason="this machine has no curl")
@pytest.mark.parametrize("words", every("curl"), ids=lambda words: words[-1])
def test_curl_has_these_options(words: list[str]) -> None:
    offered = help_of("curl", "--help", "all")
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target
