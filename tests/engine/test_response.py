"""`./bulwark respond` on a deployed stack, and the runbooks that use it, followed to their end."""

import json
import signal
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest
from documents import commands
from fast_twin import FastTwin
from import_graph import CHECKOUT
from installations import CommandResult
from interrupted_process import RunningCommand, wait_until
from terminal import run_in_terminal

from twin.host.database_address import reach_database
from twin.host.deployed_service import DeployedService
from twin.neon.model import Neon
from twin.neon.sql import ensure_role

pytestmark = pytest.mark.shares("fast_twin")

RUNBOOK_INSTANT = "2030-01-15T04:20:59"
TRIED_ELSEWHERE = ("backup", "drill", "drills", "status", "verify")
"""Commands of runbooks that other tests try: they take long, or tell of alarms that a fast twin has."""


@pytest.fixture(scope="module")
def urls(fast_twin: FastTwin) -> dict[str, str]:
    """Give the addresses of the database by purpose."""
    return fast_twin.output("database_urls")["database"]


def list_commands(runbook: str, instant: str) -> list[list[str]]:
    """Return the arguments of each `./bulwark` of a runbook, for the local stack and the instant."""
    text = (CHECKOUT / "docs" / "runbooks" / runbook).read_text()
    text = text.replace("--stack prod", "--stack local").replace("prod/", "local/")
    typed = [words[1:] for words in commands(text.replace(RUNBOOK_INSTANT, instant))]
    return [words for words in typed if "--stack" in words and words[0] not in TRIED_ELSEWHERE]


def fetch(url: str, query: LiteralString) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else None


@contextmanager
def words_table(url: str) -> Generator[None]:
    """Give a table with the word `right`, which is no part of the sample platform."""
    fetch(url, "CREATE TABLE words AS SELECT 'right' AS word; GRANT SELECT, INSERT ON words TO platform_app")
    try:
        yield
    finally:
        fetch(url, "DROP TABLE IF EXISTS words")


def read_journal(fast_twin: FastTwin) -> list[Any]:
    """Return the records on the machine, the newest first."""
    folder = fast_twin.installation.home.root / "responses" / "local-twin"
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"), reverse=True)]


def call_neon(fast_twin: FastTwin, method: str, path: str, **body: Any) -> Any:
    """Call Neon's API below the projects, or at a path that begins with a slash."""
    home, below = fast_twin.installation.home, "" if path.startswith("/") else "/projects/"
    answer = httpx.request(
        method,
        f"http://127.0.0.1:{home.port('vendors')}/neon/api/v2{below}{path}",
        headers={"Authorization": f"Bearer {home.secret('NEON_API_KEY')}"},
        json=body or None,
        timeout=60,
    )
    answer.raise_for_status()
    return answer.json()


@pytest.mark.scenario("a followed runbook")
def test_the_runbook_of_a_bad_write_is_followed_to_its_end(fast_twin: FastTwin, urls: dict[str, str]) -> None:
    owner, application = urls["owner"], urls["application"]
    with words_table(owner):
        [(now,)] = fetch(owner, "SELECT clock_timestamp()")
        instant = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        wait_until(lambda: datetime.now(UTC) > instant + timedelta(milliseconds=100), 10, "the instant")
        fetch(owner, "UPDATE words SET word = 'wrong'")
        results: list[CommandResult] = []
        for words in list_commands("corruption.md", f"{instant:%Y-%m-%dT%H:%M:%S}"):
            if words[:2] == ["respond", "restore-branch"] and "--confirm" in words:
                kill_while_it_restores(fast_twin, words)
            results.append(ended := fast_twin.bulwark(*words))
            assert ended.code == 0, (words, ended.text)
            if words[:2] == ["respond", "stop-writes"]:
                refuses = "--confirm" in words
                assert ("to carry it out: " in ended.out) is not refuses
                assert_connects(application, connects=not refuses)
            if words[:2] == ["respond", "restore-branch"] and "--confirm" in words:
                assert fetch(owner, "SELECT word FROM words") == [("right",)]
                assert_connects(application, connects=False)
        fetch(application, "INSERT INTO words VALUES ('new')")
        restored = next(record for record in read_journal(fast_twin) if record["step"] == "restore-branch")
        assert (restored["outcome"], restored["runs"]) == ("carried out", 2)
        assert [action["state"] for action in restored["actions"]] == ["done", "done"]
        assert restored["after"]["kept as"].startswith("before-")
        assert "Nothing has drifted" in results[-1].text  # the last command is `refresh`
        remove_kept_branch(fast_twin)
    listed = fast_twin.bulwark("respond", "--list", "--json").json
    assert {response["in_vault"] for response in listed["responses"]} == {True}
    assert {response["doubt"] for response in listed["responses"]} == {""}
    assert {"stop-writes", "restore-branch", "allow-writes"} <= {
        response["record"]["step"] for response in listed["responses"]
    }


def kill_while_it_restores(fast_twin: FastTwin, words: list[str]) -> None:
    """Run a command, and kill it after it has begun its first change."""
    run = RunningCommand(fast_twin.installation, *words)
    wait_until(
        lambda: run.has_ended() or "begun" in [one["state"] for one in read_journal(fast_twin)[0]["actions"]],
        60,
        "the restore",
    )
    assert not run.has_ended(), run.text
    run.signal(signal.SIGKILL)
    run.wait()
    assert read_journal(fast_twin)[0]["outcome"] == "unfinished"


def remove_kept_branch(fast_twin: FastTwin) -> None:
    project = fast_twin.output("database_projects")["database"]
    for branch in call_neon(fast_twin, "GET", f"{project}/branches")["branches"]:
        if branch["name"].startswith("before-"):
            call_neon(fast_twin, "DELETE", f"{project}/branches/{branch['id']}")


def assert_connects(url: str, *, connects: bool) -> None:
    if connects:
        assert fetch(url, "SELECT 1") == [(1,)]
    else:
        with pytest.raises(psycopg.OperationalError, match="does not have CONNECT"):
            fetch(url, "SELECT 1")


def test_a_deleted_project_is_given_back_with_its_rows(fast_twin: FastTwin, urls: dict[str, str]) -> None:
    project = fast_twin.output("database_projects")["database"]
    users = fetch(urls["backup"], "SELECT count(*) FROM users")
    call_neon(fast_twin, "DELETE", project)
    refused = fast_twin.bulwark("respond", "recover-project", "database", "--confirm", "prod/database")
    assert (refused.code, refused.err.splitlines()[0]) == (
        1,
        "bulwark: Nothing was changed: prod/database was confirmed, and this is local/database.",
    )
    installation = fast_twin.installation
    screen = run_in_terminal(
        installation.command("respond", "recover-project", "database"),
        folder=installation.folder,
        environment=installation.environment,
        typed="local/database\n",
    )
    assert screen.code == 0, screen.text
    assert read_journal(fast_twin)[0]["before"] == {"project": "deleted"}
    assert fetch(urls["backup"], "SELECT count(*) FROM users") == users
    call_neon(fast_twin, "PATCH", project, project={"name": "another"})
    other = fast_twin.bulwark("respond", "recover-project", "database", "--confirm", "local/database")
    call_neon(fast_twin, "PATCH", project, project={"name": "example-twin"})
    assert "its name is another, and example-twin is declared" in other.err


def test_a_roles_password_is_changed_once_and_its_sessions_end(
    fast_twin: FastTwin, urls: dict[str, str]
) -> None:
    words = ("respond", "rotate-password", "database", "--role", "backup")
    with restored_password(fast_twin, "platform_backup"):
        with psycopg.connect(urls["backup"], autocommit=True) as session:
            rotated = fast_twin.bulwark(*words, "--confirm", "local/database", "--json")
            assert rotated.code == 0, rotated.text
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            fetch(urls["backup"], "SELECT 1")
        assert rotated.json["record"]["after"]["password"] == "another one than the stack knows"
        again = fast_twin.bulwark(*words, "--confirm", "local/database")
        assert "There is nothing to do." in again.out
        assert "refresh --accept" in again.out


@pytest.mark.scenario("a followed runbook")
def test_the_applications_password_is_changed_and_passed_on_to_its_host(
    fast_twin: FastTwin, urls: dict[str, str]
) -> None:
    words = ("respond", "rotate-password", "database", "--role", "application")
    with psycopg.connect(reach_database(urls["application"]), autocommit=True) as session:
        rotated = fast_twin.bulwark(*words, "--confirm", "local/database", "--json")
        assert rotated.code == 0, rotated.text
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        fetch(reach_database(urls["application"]), "SELECT 1")
    assert "There is nothing to do." in fast_twin.bulwark(*words, "--confirm", "local/database").out
    for command in (("refresh", "--accept"), ("up",)):
        ended = fast_twin.bulwark(*command)
        assert ended.code == 0, ended.text
    after = fast_twin.output("database_urls")["database"]["application"]
    assert after != urls["application"]
    fetch(reach_database(after), "SELECT 1")
    home = fast_twin.installation.home
    deployed = DeployedService.read(home, home.port("platform-backend"))
    assert deployed
    assert deployed.variables["DATABASE_URL"] == after


@contextmanager
def restored_password(fast_twin: FastTwin, role: str) -> Generator[None]:
    """Give a role its former password back, which the stack knows."""
    neon = Neon(fast_twin.installation.home)
    project = fast_twin.output("database_projects")["database"]
    address = f"{project}/{neon.find_default_branch(project)}/{role}"
    before = neon.require("role", address)
    try:
        yield
    finally:
        [(_, cluster)] = neon.list_clusters()
        ensure_role(cluster, role, before["password"])
        neon.store.replace("neon", "role", address, before)
        neon.store.close()


def test_a_leaked_dsn_is_marked_for_the_next_up(fast_twin: FastTwin) -> None:
    marked = fast_twin.bulwark("respond", "rotate-dsn", "backend", "--confirm", "local/backend", "--json")
    assert marked.code == 0, marked.text
    key = fast_twin.resource("errors-backend-key")
    assert key["taint"] is True
    assert marked.json["record"]["after"] == {"key": "marked to be replaced"}
    fast_twin.bulwark("pulumi", "state", "untaint", key["urn"], "--yes", "--stack", "local")
    unknown = fast_twin.bulwark("respond", "rotate-dsn", "nothing")
    assert unknown.err.splitlines()[0] == "bulwark: The stack has no service with error tracking nothing."


@pytest.mark.scenario("a followed runbook")
def test_the_runbook_of_a_leaked_api_key_is_followed_and_its_token_is_in_the_file_alone(
    fast_twin: FastTwin, tmp_path: Path
) -> None:
    project = call_neon(fast_twin, "GET", fast_twin.output("database_projects")["database"])["project"]
    keys = f"/organizations/{project['org_id']}/api_keys"
    leaked, file = call_neon(fast_twin, "POST", keys, key_name="ci"), tmp_path / "new.key"
    typed = [
        [word.replace("ID", str(leaked["id"])).replace("new.key", str(file)) for word in words]
        for words in list_commands("credential.md", "")
        if words[1] == "rotate-api-key"
    ]
    assert [("--key" in words, "--confirm" in words) for words in typed] == [
        (makes, confirms) for makes in (True, False) for confirms in (False, True)
    ]
    shown = ""
    for words in typed:
        ended = fast_twin.bulwark(*words)
        assert ended.code == 0, (words, ended.text)
        shown += ended.text
        alive = {key["name"] for key in call_neon(fast_twin, "GET", keys)}
        assert ("ci" in alive) is not ({"--revoke", "--confirm"} <= set(words))
    assert f"gh secret set --env production --env-file {file}" in shown
    token = file.read_text().partition("NEON_API_KEY=")[2].strip()
    assert file.stat().st_mode & 0o077 == 0
    written = "".join(map(json.dumps, read_journal(fast_twin)))
    assert [secret for secret in (token, leaked["key"]) if secret in shown + written] == []
    assert [key["name"] for key in call_neon(fast_twin, "GET", keys)] == [f"local-replaces-{leaked['id']}"]
    call_neon(fast_twin, "DELETE", f"{keys}/{call_neon(fast_twin, 'GET', keys)[0]['id']}")


def test_no_record_and_no_output_has_a_secret(fast_twin: FastTwin, urls: dict[str, str]) -> None:
    folder = fast_twin.installation.home.root / "responses" / "local-twin"
    written = "".join(file.read_text() for file in folder.glob("*.json"))
    secrets = [httpx.URL(url).password for url in urls.values()]
    secrets.append(fast_twin.installation.home.secret("NEON_API_KEY"))
    assert written
    assert [secret for secret in secrets if secret in written] == []
    assert Path(folder).stat().st_mode & 0o077 == 0
