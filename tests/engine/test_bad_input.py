"""An error before anything is done is one message, and nothing half done is left."""

import os
import shutil
import socket
import subprocess
import sys

import pytest
from installations import CommandResult, Installation
from interrupted_process import find_processes


def check_refusal(ended: CommandResult, *words: str) -> None:
    assert ended.code == 1, ended.text
    assert ended.err.startswith("bulwark: "), ended.text
    assert "Traceback" not in ended.text
    assert "  Next: " in ended.err
    assert [word for word in words if word not in ended.err] == [], ended.err


def test_all_problems_of_the_settings_are_reported_together(installation: Installation) -> None:
    installation.edit("Pulumi.local.yaml", "history_retention_hours: 168", "history_retention_hours: 9999")
    installation.edit("Pulumi.local.yaml", "interval_seconds: 60", "interval_seconds: 5")
    installation.edit("Pulumi.local.yaml", "team_name: Platform", "team_name: Platform\n    colour: blue")
    every_day = 'backup: { schedule: "every day", longest_run_minutes: 45'
    installation.edit(
        "Pulumi.local.yaml", 'backup: { schedule: "47 2 * * *", longest_run_minutes: 45', every_day
    )
    ended = installation.bulwark("up", "--json")
    assert {problem["path"] for problem in ended.json["error"]["problems"]} >= {
        "stores.database.history_retention_hours",
        "errors.colour",
    }
    assert ended.json["exit_code"] == 1
    check_refusal(
        ended,
        "Pulumi.local.yaml",
        "stores.database.history_retention_hours",
        "uptime.interval_seconds",
        "errors.colour",
        "stores.files.backup.schedule",
    )
    assert find_processes(installation) == []


def test_a_settings_file_that_is_no_yaml_is_reported_with_its_line(installation: Installation) -> None:
    installation.edit("Pulumi.local.yaml", "environment: local", "environment: local\n  oops: [")
    check_refusal(installation.bulwark("preview"), "Pulumi.local.yaml can't be read: it is no YAML, line ")


def test_an_unknown_stack_is_reported_with_the_existing_ones(installation: Installation) -> None:
    check_refusal(installation.bulwark("up", "--stack", "test"), "Pulumi.test.yaml", "local, prod, staging")


@pytest.mark.parametrize("command", ["up", "preview"])
def test_all_secrets_that_production_lacks_are_reported_with_how_to_set_them(
    installation: Installation, command: str
) -> None:
    names = (
        *("files_access_key_id", "files_secret_access_key"),
        *("incidents_target", "automation_target"),
    )
    ended = installation.bulwark(command, "--stack", "prod", SENTRY_AUTH_TOKEN="a marked token")
    variables = [f"BULWARK_{name.upper()}" for name in names] + ["NEON_API_KEY", "UPTIMEROBOT_API_KEY"]
    variables.append("PAGERDUTY_TOKEN")
    check_refusal(ended, *names, *variables, "pulumi config set --secret bulwark:files_access_key_id")
    assert "SENTRY_AUTH_TOKEN" not in ended.err
    assert "a marked token" not in ended.text


def test_a_taken_port_is_reported_and_no_service_is_started(installation: Installation) -> None:
    port = installation.home.port("platform-backend")
    with socket.create_server(("127.0.0.1", port)):
        check_refusal(installation.bulwark("up"), f"Port {port}", "'platform'", str(os.getpid()))
        assert find_processes(installation) == []


def test_a_home_that_cannot_be_created_is_reported(installation: Installation) -> None:
    ended = installation.bulwark("up", BULWARK_TWIN=os.devnull + "/twin")
    check_refusal(ended, f"{os.devnull}/twin", "BULWARK_TWIN")


def test_a_home_that_cannot_be_written_is_reported(installation: Installation) -> None:
    ended = installation.bulwark("preview", HOME="/proc", XDG_CACHE_HOME="")
    check_refusal(ended, "/proc/.cache/bulwark", "XDG_CACHE_HOME")


def test_a_wrong_call_is_reported_as_json_too(installation: Installation) -> None:
    ended = installation.bulwark("preview", "--jsn", "--json")
    assert ended.code == 2  # as every wrong call
    assert ended.json["error"]["cause"].startswith("Unknown option: --jsn.")
    assert "--help" in ended.json["error"]["next_step"]


def _can_mount() -> bool:
    unshare = shutil.which("unshare")
    return (
        bool(unshare)
        and not subprocess.run([unshare, "-m", "true"], check=False, capture_output=True).returncode
    )


@pytest.mark.skipif(not _can_mount(), reason="only a privileged user can mount a small disk")
def test_a_full_disk_is_reported_and_no_process_is_left(installation: Installation) -> None:
    home = str(installation.home.root)
    mounting = (
        "import os, subprocess, sys\n"
        "subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', sys.argv[1]], check=True)\n"
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    ended = subprocess.run(
        ["unshare", "-m", sys.executable, "-c", mounting, home, *installation.command("up")],
        cwd=installation.folder,
        env=installation.environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    check_refusal(
        CommandResult(ended.returncode, ended.stdout, ended.stderr), "is full", home, "MiB are free"
    )
    assert find_processes(installation) == []
