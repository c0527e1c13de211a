"""What a person does with a stack from day to day, and what each command answers."""

from contextlib import closing

import psycopg
from fast_twin import Living
from interrupted_process import processes

FEWEST_RESOURCES = 60


def candidates(living: Living, *, after: str = "SELECT 1") -> int:
    """Run a statement on the platform's database, then count what the sample data brought."""
    with closing(psycopg.connect(living.output("owner_database_url"), autocommit=True)) as connection:
        connection.execute(after.encode())
        row = connection.execute("SELECT count(*) FROM users").fetchone()
    assert row
    return int(row[0])


def test_the_first_up_provisions_everything_and_says_what_is_protected(living: Living) -> None:
    assert living.first.code == 0
    assert len(living.installation.resources()) >= FEWEST_RESOURCES
    assert "What is protected" in living.first.out
    assert "vaults in eu-west-1 + eu-north-1" in living.first.out
    assert "Loaded " in living.first.text


def test_a_preview_afterwards_has_nothing_to_do_and_no_violation(living: Living) -> None:
    preview = living.bulwark("preview", "--json")
    assert preview.code == 0, preview.text[-3_000:]
    assert preview.json["steps"] == []
    assert preview.json["violations"] == []
    assert preview.json["changes"] == {"same": len(living.installation.resources())}


def test_outputs_hide_secrets_until_asked(living: Living) -> None:
    shown = living.bulwark("outputs", "--json")
    assert shown.code == 0
    assert shown.json["owner_database_url"] == "[secret]"
    assert shown.json["vault"].startswith("example-twin-vault-")
    assert living.output("owner_database_url").startswith("postgresql://")
    table = living.bulwark("outputs")
    assert table.code == 0
    assert "database_project" in table.out


def test_logs_are_shown_by_service(living: Living) -> None:
    assert "platform: " in living.bulwark("logs", "--last", "5").out
    alone = living.bulwark("logs", "platform", "--last", "3").out.splitlines()
    assert 0 < len(alone) <= 3
    assert all(line.startswith("platform: ") for line in alone)
    unknown = living.bulwark("logs", "nothing")
    assert unknown.code == 1
    assert "choose from" in unknown.err


def test_down_stops_everything_and_up_brings_back_the_same_data(living: Living) -> None:
    resources = len(living.installation.resources())
    before = candidates(living, after="CREATE TABLE IF NOT EXISTS public.mine AS SELECT 1 AS one")
    running = living.bulwark("status", "--json")
    assert running.code == 0
    assert running.json["resources"] == resources
    assert running.json["last_backup"] == "never"

    assert living.bulwark("down").code == 0
    assert processes(living.installation) == []
    stopped = living.bulwark("status", "--json")
    assert stopped.code == 3
    assert {service["state"] for service in stopped.json["services"]} == {"stopped"}

    again = living.bulwark("up", "--json")
    assert again.code == 0, again.text[-3_000:]
    assert again.json["changes"] == {"same": resources}
    assert "Loaded " not in again.text
    assert candidates(living, after="DROP TABLE public.mine") == before
    assert living.bulwark("status").code == 0
