"""
Every command in a document is one that its program takes, and every link leads somewhere.

A runbook is read at the worst moment.
"""

import json
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import botocore.session
import pytest
from botocore import xform_name
from documents import commands
from import_graph import PACKAGES

from cli.app import app
from core import vault_layout
from postgres_server.install import wheel_root
from toolchain.engine import search_path

_CHECKOUT: Final = Path(__file__).parents[2]
_DOCUMENTS: Final = sorted(
    [
        *_CHECKOUT.glob("docs/runbooks/*.md"),
        *(_CHECKOUT / "docs" / f"{name}.md" for name in ("drills", "policies", "production", "twin")),
        *(_CHECKOUT / name for name in ("CONTRIBUTING.md", "README.md", "tests/README.md")),
    ]
)
_PROSE: Final = sorted(
    {
        *_DOCUMENTS,
        *_CHECKOUT.glob("docs/*.md"),
        *_CHECKOUT.glob("docs/decisions/*.md"),
        _CHECKOUT / "bench/README.md",
    }
)
"""Documents whose paths and links are checked; those above also have commands."""

_EXAMPLES: Final = _CHECKOUT / "examples/README.md"
"""Its commands are Pulumi's own, and not those of `./bulwark pulumi`: test_examples runs the first."""

_POSTGRES: Final = ("pg_dump", "pg_restore", "psql")
_PLAIN: Final = {
    "age",
    "cd",
    "date",
    "dig",
    "export",
    "head",
    "mkdir",
    "pip",
    "printf",
    "read",
    "rm",
    "sha256sum",
    "tail",
    "umask",
    "zstd",
}
"""Programs that every system has, or whose options are not checked."""


def calls_of(program: str) -> list[list[str]]:
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
    known = {
        "./bulwark",
        "aws",
        "curl",
        "gh",
        "python",
        "rclone",
        "ssh-keygen",
        "uv",
        *_POSTGRES,
        *_PLAIN,
    }
    assert {words[0] for words in found} <= known


def test_a_key_of_the_vault_that_is_fetched_by_hand_is_where_a_backup_puts_it() -> None:
    keys = [words[words.index("--key") + 1] for words in calls_of("aws") if "--key" in words]
    assert {f"{key.rpartition('/')[0]}/" for key in keys} == {
        vault_layout.database_backup("daily", "STORE", "ID").replace("daily", "DAY"),
        vault_layout.state_backup("ID"),
    }


@pytest.mark.parametrize("words", calls_of("./bulwark"), ids=" ".join)
def test_our_own_commands_are_those_of_the_command_line(words: list[str]) -> None:
    called, _, _ = app.parse_args(words[1:], print_error=False, exit_on_error=False)
    assert called.__name__ == words[1].replace("-", "_") or words[1:] == ["--version"]


@pytest.mark.parametrize("words", [one for program in _POSTGRES for one in calls_of(program)], ids=" ".join)
def test_postgresqls_programs_have_these_options(words: list[str]) -> None:
    offered = help_of(str(wheel_root() / "bin" / words[0]), "--help")
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


_PULUMI_CALLS: Final = [
    words[2:] for words in calls_of("./bulwark") if words[1] == "pulumi" and words[2:] not in ([], ["..."])
]


@pytest.mark.parametrize("words", _PULUMI_CALLS, ids=" ".join)
def test_pulumi_has_these_commands_and_options(words: list[str]) -> None:
    values = {"policies", "prod"}
    words = [word for word in words if word != "--administrator"]  # of ./bulwark
    named = [word for word in words if re.fullmatch(r"[a-z]+(-[a-z]+)?", word) and word not in values]
    command = ["pulumi", *named]
    offered = help_of(*command, "--help", path=search_path())
    *above, last = command
    usage = rf"\n  {' '.join(above)} {last}\b|Aliases:\n  .*\b{last}\b"
    assert re.search(usage, offered)
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


_BARE: Final = re.compile(r"(?:`|^ *|&& |; )pulumi (?:-C \\S+ )?[a-z]", re.MULTILINE)
"""A command of the CLI where the CLI is not on PATH."""


def test_every_text_names_the_pulumi_that_is_on_this_machine() -> None:
    texts = [
        *_PROSE,
        _CHECKOUT / "Pulumi.prod.yaml",
        *sorted(path for folder in PACKAGES for path in (_CHECKOUT / folder).rglob("*.py")),
    ]
    decisions = _CHECKOUT / "docs/decisions"  # they speak of Pulumi's design
    bare = [
        f"{path.relative_to(_CHECKOUT)}: {match.group().strip()}"
        for path in texts
        if decisions not in path.parents
        for match in _BARE.finditer(path.read_text())
    ]
    assert bare == []


@pytest.mark.parametrize("words", calls_of("aws"), ids=" ".join)
def test_aws_has_these_operations_and_parameters(words: list[str]) -> None:
    if words[1:3] == ["sso", "login"]:  # the AWS CLI's own, and no operation of a service
        assert set(options(words)) == {"--profile"}
        return
    service = botocore.session.get_session().get_service_model(words[1].removesuffix("api"))
    operations = {xform_name(name, "-"): name for name in service.operation_names}
    shape = service.operation_model(operations[words[2]]).input_shape
    takes = shape.members if shape else {}
    assert {option.removeprefix("--") for option in options(words)} <= {
        "endpoint-url",
        "region",
        *(xform_name(name, "-") for name in takes),
    }


@pytest.mark.parametrize("words", calls_of("rclone"), ids=" ".join)
def test_rclone_has_these_commands_and_options(words: list[str]) -> None:
    offered = help_of(str(Path(sys.executable).with_name("rclone")), "help", "flags")
    offered += help_of(str(Path(sys.executable).with_name("rclone")), words[1], "--help")
    assert re.search(rf"rclone {words[1]} (source:path dest:path|remote:path)", offered)
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


@pytest.mark.skipif(not shutil.which("curl"), reason="this machine has no curl")
@pytest.mark.parametrize("words", calls_of("curl"), ids=lambda words: words[-1])
def test_curl_has_these_options(words: list[str]) -> None:
    offered = help_of("curl", "--help", "all")
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


@pytest.mark.skipif(not shutil.which("gh"), reason="this machine has no gh")
@pytest.mark.parametrize("words", calls_of("gh"), ids=" ".join)
def test_githubs_command_line_has_these_commands_and_options(words: list[str]) -> None:
    offered = help_of("gh", words[1], "--help")
    assert all(re.search(rf"{option}\b", offered) for option in options(words))


def test_what_is_read_of_github_is_what_the_settings_take() -> None:
    # The parts of its answers that count, of a repository that was made after 15 July 2026.
    answers = {
        "repos/OWNER/NAME": {"id": 456789, "name": "platform", "owner": {"id": 123456}},
        "repos/OWNER/NAME/actions/oidc/customization/sub": {
            "use_default": True,
            "use_immutable_subject": True,
            "sub_claim_prefix": "repo:example@123456/platform@456789",
        },
    }
    printed = {
        words[2]: subprocess.run(
            ["jq", "-rc", words[words.index("--jq") + 1]],
            input=json.dumps(answers[words[2]]),
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for words in calls_of("gh")
        if "--jq" in words
    }
    assert printed == {
        "repos/OWNER/NAME": '{"id":456789,"owner":123456}',
        "repos/OWNER/NAME/actions/oidc/customization/sub": "repo:example@123456/platform@456789",
    }


@pytest.mark.parametrize("words", calls_of("python"), ids=" ".join)
def test_pythons_modules_and_scripts_exist(words: list[str]) -> None:
    if words[1] == "-m":
        assert find_spec(words[2])
    else:
        assert (_CHECKOUT / words[1]).is_file()


@pytest.mark.parametrize("words", calls_of("uv"), ids=" ".join)
def test_the_lock_file_was_compiled_with_this_command(words: list[str]) -> None:
    assert f"#    {' '.join(words)}\n" in (_CHECKOUT / words[-1]).read_text()


@pytest.mark.parametrize("document", [*_PROSE, _EXAMPLES], ids=lambda path: path.name)
def test_every_path_in_a_document_exists(document: Path) -> None:
    paths = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:json|md|py|sql|txt|ya?ml))`", document.read_text())
    folders = (_CHECKOUT, document.parent, _CHECKOUT / ".github" / "workflows")
    assert [path for path in paths if not any((folder / path).exists() for folder in folders)] == []


@pytest.mark.parametrize("document", [*_PROSE, _EXAMPLES], ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target
