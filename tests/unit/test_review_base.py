"""The base of a review: which commit it is, what differs from it, and its policies beside the checkout's."""

import json
import os
import socket
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from policies.report import ReportedVerdict
from review import base, markdown
from review.base import BaseError, ChangedFile
from review.comparison import BaseComparison, compare
from review.review import build

URN = "urn:pulumi:prod::bulwark::aws:s3/bucket:Bucket::vault"
_EXAMPLE = ("-c", "user.name=Example", "-c", "user.email=example@example.com")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a repository with a small pack, in one commit of `main`."""
    folder = tmp_path / "checkout"
    write(folder, "policies/__main__.py", "print('the base')\n")
    write(folder, "policies/waivers.yaml", "[]\n")
    write(folder, "core/text.py", "")
    write(folder, "requirements.lock", "one==1\n")
    write(folder, "README.md", "")
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def write(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def git(folder: Path, *arguments: str) -> str:
    ended = subprocess.run(
        ["git", *_EXAMPLE, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "A commit")
    return git(folder, "rev-parse", "HEAD")


def test_the_base_is_where_head_left_the_default_branch(checkout: Path) -> None:
    left = git(checkout, "rev-parse", "HEAD")
    git(checkout, "switch", "--quiet", "--create", "change")
    write(checkout, "README.md", "changed\n")
    changed = commit(checkout)
    git(checkout, "switch", "--quiet", "main")
    write(checkout, "core/text.py", "# later\n")
    commit(checkout)
    git(checkout, "switch", "--quiet", "change")
    assert base.find_commit(checkout, None, {}) == left
    assert base.find_commit(checkout, "HEAD", {}) == changed
    git(checkout, "update-ref", "refs/remotes/origin/release", changed)
    assert base.find_commit(checkout, None, {"GITHUB_BASE_REF": "release"}) == changed


def test_a_shallow_clone_of_the_default_branch_is_its_own_base(checkout: Path, tmp_path: Path) -> None:
    write(checkout, "core/text.py", "# later\n")
    newest = commit(checkout)
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", checkout.as_uri(), str(clone))
    assert base.find_commit(clone, None, {}) == newest
    with pytest.raises(BaseError, match="a shallow clone may lack it"):
        base.find_commit(clone, "HEAD^", {})


@pytest.mark.parametrize("revision", ["nothing", "--output=/tmp/x", "HEAD:README.md", "a b"])
def test_a_base_that_is_no_commit_is_refused(checkout: Path, revision: str) -> None:
    with pytest.raises(BaseError, match="git knows no commit"):
        base.find_commit(checkout, revision, {})


def test_a_pull_requests_branch_that_is_missing_is_not_replaced_by_another(checkout: Path) -> None:
    with pytest.raises(BaseError, match="git knows none of origin/release"):
        base.find_commit(checkout, None, {"GITHUB_BASE_REF": "release"})


def test_a_folder_without_git_or_below_another_repository_has_no_base(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(BaseError, match="not a git repository"):
        base.find_commit(tmp_path, None, {})
    with pytest.raises(BaseError, match="no repository of its own"):
        base.find_commit(checkout / "core", None, {})


def test_every_change_of_what_judges_is_listed_with_what_it_is(checkout: Path) -> None:
    at_base = git(checkout, "rev-parse", "HEAD")
    assert base.list_changed_files(checkout, at_base) == []
    write(checkout, "README.md", "changed\n")
    write(checkout, "policies/waivers.yaml", "- {}\n")
    write(checkout, "policies/config/prod.json", "{}")
    write(checkout, ".github/workflows/review.yml", "on: push\n")
    (checkout / "requirements.lock").unlink()
    git(checkout, "add", ".github")
    (checkout / "core/text.py").rename(checkout / "core/renamed.py")
    files = base.list_changed_files(checkout, at_base)
    assert files == [
        ChangedFile("waivers", "policies/waivers.yaml", "changed"),
        ChangedFile("configuration of the policies", "policies/config/prod.json", "added"),
        ChangedFile("workflows and reviewers", ".github/workflows/review.yml", "added"),
        ChangedFile("lock files", "requirements.lock", "deleted"),
        ChangedFile("the review and what runs it", "core/renamed.py", "added"),
        ChangedFile("the review and what runs it", "core/text.py", "deleted"),
    ]
    assert base.changes_pack(files)
    assert not base.changes_pack([file for file in files if file.guard in {"waivers", "lock files"}])


def test_the_bases_pack_has_the_changes_own_waivers_and_nothing_else_of_it(
    checkout: Path, tmp_path: Path
) -> None:
    at_base = git(checkout, "rev-parse", "HEAD")
    write(checkout, "policies/__main__.py", "print('changed')\n")
    write(checkout, "policies/waivers.yaml", "- {}\n")
    base.extract_pack(checkout, at_base, tmp_path / "base")
    found = {path.relative_to(tmp_path / "base") for path in (tmp_path / "base").rglob("*") if path.is_file()}
    assert sorted(map(str, found)) == ["core/text.py", "policies/__main__.py", "policies/waivers.yaml"]
    assert (tmp_path / "base/policies/__main__.py").read_text() == "print('the base')\n"
    assert (tmp_path / "base/policies/waivers.yaml").read_text() == "- {}\n"


def test_a_base_without_policies_is_refused(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "rm", "--quiet", "-r", "policies")
    with pytest.raises(BaseError, match="has no policies to run"):
        base.extract_pack(checkout, commit(checkout), tmp_path / "base")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("raise RuntimeError('out of order')", "RuntimeError: out of order"),
        (
            "import sys\nsys.exit('bulwark: policies/config: wrong')",
            "SystemExit: bulwark: policies/config: wrong",
        ),
        (
            "import review.markdown",
            "ModuleNotFoundError: the commit's pack imports review, which is no part of it",
        ),
        (
            # The checkout has such a module.
            "import policies.rules",
            "ModuleNotFoundError: the commit's pack imports policies.rules, which is no part of it",
        ),
        ("", "it ended before it judged"),
    ],
)
def test_a_pack_that_can_not_start_says_why_and_the_engine_goes_on(
    checkout: Path, tmp_path: Path, program: str, reason: str
) -> None:
    write(checkout, "policies/__init__.py", "")
    write(checkout, "policies/__main__.py", program)
    report = tmp_path / "report.json"
    with socket.create_server(("127.0.0.1", 0)) as engine, start_pack(engine, checkout, report) as process:
        assert process.stdout
        port = process.stdout.readline()
        process.kill()
    assert int(port) > 0
    assert json.loads(report.read_text()) == {"failed": reason}


def start_pack(engine: socket.socket, folder: Path, report: Path) -> subprocess.Popen[str]:
    """Start the pack as the engine does."""
    address = f"127.0.0.1:{engine.getsockname()[1]}"
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", address, "."],
        cwd=base.PACK,
        env=os.environ | base.environment_of(folder, report),
        stdout=subprocess.PIPE,
        text=True,
    )


def verdict(rule: str, urn: str, outcome: str, **changes: Any) -> dict[str, Any]:
    whole = {"rule": rule, "urn": urn, "outcome": outcome, "severity": "high", "advisory": False}
    return {**whole, "message": "it is wrong.\nRisk: r", "expires": "", **changes}


def report(*verdicts: dict[str, Any]) -> dict[str, Any]:
    return {
        "evaluated": sorted({one["rule"] for one in verdicts}),
        "loosened": [],
        "verdicts": list(verdicts),
    }


def render(comparison: BaseComparison, own: dict[str, Any]) -> str:
    whole = {"waivers": [], "stores": [], **own}
    return markdown.render(build("prod", "review", report=whole, comparison=comparison))


def test_the_same_verdicts_are_no_difference_whatever_more_a_newer_report_says() -> None:
    own = report(verdict("vault-is-locked", URN, "passed"))
    newer = report(verdict("vault-is-locked", URN, "passed", color="red"))
    found = compare("c0ffee", (), base=newer, own=own)
    assert (found.passes, found.is_loud, found.differences) == (True, False, ())
    assert "[!CAUTION]" not in render(found, own)


def test_a_rule_that_became_advisory_disabled_or_blind_does_not_hide_what_the_base_refuses() -> None:
    at_base = report(
        verdict("vault-is-locked", URN, "violated"),
        verdict("vault-is-versioned", URN, "violated"),
        verdict("key-rotates", URN, "undecided"),
    )
    own = report(verdict("vault-is-locked", URN, "violated", advisory=True)) | {
        "evaluated": ["vault-is-locked", "vault-is-versioned"]
    }
    found = compare("c0ffee", (), base=at_base, own=own)
    assert not found.passes
    assert len(found.refusals) == 3
    assert {(one.rule, one.is_gone) for one in found.lost} == {
        ("vault-is-versioned", False),
        ("key-rotates", True),
    }
    assert {(one.rule, one.at_base, one.here) for one in found.differences} == {
        ("vault-is-locked", "violated", "violated, advisory"),
        ("vault-is-versioned", "violated", "not judged"),
        ("key-rotates", "undecided", "not judged"),
    }
    text = render(found, own)
    assert "❌ `prod` is refused by the base's policies: 3 violations" in text
    assert text.index("key-rotates is gone or disabled; by the base's policies it judges 1 resource") < 600


def test_what_both_refuse_is_told_once_and_what_only_the_change_refuses_is_its_own() -> None:
    at_base = report(verdict("vault-is-locked", URN, "violated"), verdict("key-rotates", URN, "passed"))
    own = report(verdict("vault-is-locked", URN, "violated"), verdict("key-rotates", URN, "violated"))
    found = compare("c0ffee", (), base=at_base, own=own)
    assert (found.refusals, [one.rule for one in found.differences]) == ((), ["key-rotates"])


@pytest.mark.parametrize(
    ("at_base", "reason"),
    [
        (None, "its policies wrote no report"),
        ({"failed": "SyntaxError"}, "its policies can't start: SyntaxError"),
        ({"verdicts": [{"rule": "x"}]}, "its report has another format (KeyError)"),
        ({}, "its report has another format (KeyError)"),
    ],
)
def test_a_base_that_did_not_judge_is_unknown_and_does_not_pass(
    at_base: dict[str, Any] | None, reason: str
) -> None:
    own = report(verdict("vault-is-locked", URN, "passed"))
    found = compare("c0ffee", (), base=at_base, own=own)
    assert (found.unknown, found.passes) == (reason, False)
    reviewed = build("prod", "review", report={"waivers": [], "stores": [], **own}, comparison=found)
    assert not reviewed.passes
    assert f"**The base's policies did not judge:** {reason.split('(', maxsplit=1)[0]}" in markdown.render(
        reviewed
    )


def test_a_changed_guard_is_on_top_though_every_policy_passes() -> None:
    files = (ChangedFile("waivers", "policies/waivers.yaml", "changed"),)
    own = report(verdict("vault-is-locked", URN, "passed"))
    text = render(BaseComparison("c0ffee" * 6, files), own)
    assert text.splitlines()[1:5] == [
        "## ✅ `prod` passes 1 policies, and changes what judges it",
        "",
        "> [!CAUTION]",
        "> **This changes what judges it** (since `c0ffeec0ffee`). A code owner must agree.",
    ]
    assert "> - waivers: policies/waivers.yaml changed" in text.replace("`", "")


def test_the_fields_of_a_reported_verdict_are_those_that_an_older_base_writes() -> None:
    # A review reads the report of its base: a new field makes each base before it unreadable.
    names = ["rule", "urn", "outcome", "severity", "advisory", "message", "expires"]
    assert [field.name for field in fields(ReportedVerdict)] == names


def test_many_changed_files_push_nothing_out_of_the_comment() -> None:
    files = tuple(
        ChangedFile("policies", f"policies/rules/\u202e{number}.py", "added") for number in range(999)
    )
    text = render(BaseComparison("c0ffee", files), report(verdict("vault-is-locked", URN, "violated")))
    assert "979 more" in text
    assert "\u202e" not in text
    assert "**vault-is-locked**" in text[:5000]


def test_a_hooks_repository_is_not_the_checkouts(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "another"))
    assert base.find_commit(checkout, "HEAD", {}) == base.find_commit(checkout, None, {})
