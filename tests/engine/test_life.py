"""The commands for a stack from day to day, and their answers."""

import re
from contextlib import closing

import psycopg
import pytest
from deployment import name_of
from fast_twin import FastTwin
from interrupted_process import find_processes
from readme_output import find_differences, read_block

from cli.pulumi import find_stack_name

pytestmark = pytest.mark.shares("fast_twin")

FEWEST_RESOURCES = 60


def count_users(fast_twin: FastTwin, *, after: str = "SELECT 1") -> int:
    """Run a statement on the platform's database, then count the users of the sample data."""
    with closing(
        psycopg.connect(fast_twin.output("database_urls")["database"]["owner"], autocommit=True)
    ) as connection:
        connection.execute(after.encode())
        row = connection.execute("SELECT count(*) FROM users").fetchone()
    assert row
    return int(row[0])


def test_the_first_up_provisions_everything_and_says_what_is_protected(fast_twin: FastTwin) -> None:
    assert fast_twin.first_up.code == 0
    assert len(fast_twin.installation.resources()) >= FEWEST_RESOURCES
    assert "What is protected" in fast_twin.first_up.out
    assert "vaults in eu-west-1 + eu-north-1" in fast_twin.first_up.out
    assert "Loaded " in fast_twin.first_up.text


def test_the_first_up_arms_what_answers_when_the_platform_is_deployed_and_pages_nobody(
    fast_twin: FastTwin,
) -> None:
    said = fast_twin.first_up.out
    assert [
        name
        for name in ("uptime-backend-health", "errors-backend-check-health")
        if f"{name} updated" not in said
    ] == []
    # On this twin the drill is due seconds after its heartbeat was made. AWS asks each topic's subscribers.
    expected = ("recovery drill", "You have chosen to subscribe")
    paged = [one for one in fast_twin.alerts if not any(words in str(one) for words in expected)]
    assert paged == []
    checks = ("backend-health", "backend-version", "frontend-page")
    monitors = [fast_twin.resource(f"uptime-{check}") for check in checks]
    assert [monitor["inputs"]["isPaused"] for monitor in monitors] == [False] * 3
    assert fast_twin.resource("errors-backend-check-health")["inputs"]["enabled"]


def test_the_first_up_prints_what_the_readme_shows(fast_twin: FastTwin) -> None:
    block, text = read_block("Administrator's preview: "), fast_twin.first_up.text
    for line in block.splitlines():
        # Without a terminal the engine's own lines are shown in place of these.
        if counts := re.findall(r"(\d+) (create|update)\b", line):
            block = block.replace(f"{line}\n", "")
            assert [count for count, done in counts if not re.search(rf"[+~] {count} {done}d", text)] == []
    assert find_differences(block, text, drills="drill every 7 d -> drill every 5 min") == []


def test_after_up_the_backup_role_may_read_a_large_object_of_the_owner(fast_twin: FastTwin) -> None:
    owner, backup = (
        fast_twin.output("database_urls")["database"]["owner"],
        fast_twin.output("database_urls")["database"]["backup"],
    )
    with closing(psycopg.connect(owner, autocommit=True)) as connection:
        connection.execute("SELECT lo_from_bytea(4711, 'made after up')")
        try:
            with closing(psycopg.connect(backup)) as reading:
                row = reading.execute("SELECT encode(lo_get(4711), 'escape')").fetchone()
        finally:
            connection.execute("SELECT lo_unlink(4711)")
    assert row == ("made after up",)


def count_summarized(fast_twin: FastTwin) -> int:
    """Return the number of resources in the engine's summary, without the providers that it makes itself."""
    return sum(
        not (resource["type"].startswith("pulumi:providers:") and name_of(resource["urn"]) == "default")
        for resource in fast_twin.installation.resources()
    )


def test_a_preview_after_up_with_the_tokens_of_a_plan_has_no_steps_and_no_violation(
    fast_twin: FastTwin,
) -> None:
    preview = fast_twin.bulwark("preview", "--json", **fast_twin.reading_tokens())
    assert preview.code == 0, preview.text[-3_000:]
    assert preview.json["steps"] == []
    assert preview.json["violations"] == []
    assert preview.json["changes"] == {"same": count_summarized(fast_twin)}


def test_outputs_hide_secrets_until_asked(fast_twin: FastTwin) -> None:
    shown = fast_twin.bulwark("outputs", "--json")
    assert shown.code == 0
    assert shown.json["database_urls"] == "[secret]"
    assert shown.json["vault"].startswith("example-twin-vault-")
    assert fast_twin.output("database_urls")["database"]["owner"].startswith("postgresql://")
    table = fast_twin.bulwark("outputs")
    assert table.code == 0
    assert "database_projects" in table.out


def test_logs_are_shown_by_service(fast_twin: FastTwin) -> None:
    assert "platform: " in fast_twin.bulwark("logs", "--last", "5").out
    alone = fast_twin.bulwark("logs", "platform", "--last", "3").out.splitlines()
    assert 0 < len(alone) <= 3
    assert all(line.startswith("platform: ") for line in alone)
    unknown = fast_twin.bulwark("logs", "nothing")
    assert unknown.code == 1
    assert "choose from" in unknown.err
    lines = fast_twin.bulwark("logs", "platform", "--stack", "local", "--last", "3", "--json").json
    assert 0 < len(lines["platform"]) <= 3
    assert fast_twin.bulwark("logs", "--follow", "--json").code == 1


@pytest.mark.scenario("a platform after up")
def test_down_stops_everything_and_up_brings_back_the_same_data(fast_twin: FastTwin) -> None:
    resources = count_summarized(fast_twin)
    before = count_users(fast_twin, after="CREATE TABLE IF NOT EXISTS public.mine AS SELECT 1 AS one")
    running = fast_twin.bulwark("status", "--json")
    assert running.json["deployment"]["found"]["resources"] >= resources
    assert {service["state"] for service in running.json["services"]} == {"running"}
    assert [store["vaults"]["primary"]["found"]["newest"] for store in running.json["stores"]] == [None] * 3

    down = fast_twin.bulwark("down", "--json")
    assert down.code == 0
    assert {"aws", "platform", "vendors"} < set(down.json["stopped"])
    assert find_processes(fast_twin.installation) == []
    assert fast_twin.bulwark("down").out == "Nothing was running.\n"
    stopped = fast_twin.bulwark("status", "--json")
    assert stopped.code == 1
    assert stopped.json["findings"][0]["what"].startswith("6 services are stopped: ")
    assert stopped.json["stores"][0]["vaults"]["primary"]["found"] is None
    assert stopped.json["monitors"]["unknown"]
    assert {service["state"] for service in stopped.json["services"]} == {"stopped"}

    again = fast_twin.bulwark("up", "--json")
    assert again.code == 0, again.text[-3_000:]
    assert again.json["changes"] == {"same": resources}
    assert "Loaded " not in again.text
    assert count_users(fast_twin, after="DROP TABLE public.mine") == before
    services = fast_twin.bulwark("status", "--json").json["services"]
    assert {service["state"] for service in services} == {"running"}


def test_the_pulumi_cli_works_on_the_stack_that_is_named(fast_twin: FastTwin) -> None:
    counts: list[int] = []
    for which in ((), ("--administrator",)):
        exported = fast_twin.bulwark("pulumi", *which, "stack", "export", "--stack", "local")
        counts.append(len(exported.json["deployment"]["resources"]))
    assert min(counts) > 1
    assert sum(counts) == len(fast_twin.installation.resources())
    assert "A stack is a named update target" in fast_twin.bulwark("pulumi", "stack", "--help").out


@pytest.mark.parametrize(
    ("typed", "stack"),
    [
        ("stack export --stack prod", "prod"),
        ("config set --stack=prod --secret bulwark:neon_api_key", "prod"),
        ("up -s example/bulwark/prod", "prod"),
        ("stack init prod --secrets-provider awskms://alias/example", "prod"),
        ("stack ls", ""),
        ("login s3://example-pulumi-state", ""),
        ("stack export --stack", ""),
    ],
)
def test_a_call_of_the_pulumi_cli_names_its_stack_as_that_cli_reads_it(typed: str, stack: str) -> None:
    assert find_stack_name(tuple(typed.split())) == stack
