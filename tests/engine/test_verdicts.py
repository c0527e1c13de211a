"""A command of the stack ends with its verdict: what failed, why, and what to type."""

import pytest
from deployment import Deployment
from fast_twin import FastTwin
from policy_count import count_policies
from terminal import Screen, run_in_terminal

from cli.engine_runs import EngineRuns
from engine import session
from engine.event_log import EventLog

PREVIEW = ("preview", "--stack", "prod", "--twin")
MONITOR = "urn:pulumi:one::two::uptimerobot:index/monitor:Monitor::uptime-backend-health"


def run(production: Deployment, *arguments: str) -> Screen:
    installation = production.installation
    return run_in_terminal(
        installation.command(*arguments), folder=installation.folder, environment=installation.environment
    )


@pytest.mark.shares("production")
def test_a_refused_preview_ends_with_each_rule_its_fix_and_what_to_type(production: Deployment) -> None:
    path = production.installation.folder / "Pulumi.prod.yaml"
    before = path.read_text()
    for old, new in (
        ("sev1: [oncall, incidents, operations, automation]", "sev1: [operations]"),
        ("sev3: [", "sev3: [oncall, "),
    ):
        production.installation.edit("Pulumi.prod.yaml", old, new)
    try:
        screen = run(production, *PREVIEW)
    finally:
        path.write_text(before)
    assert screen.code != 0
    end = "".join(screen.rows[-6:])  # as it was before the terminal wrapped it
    assert "refuse prod: " in end
    assert "vault-raises-alarms" in end
    assert "monitor-route-is-independent" in end
    assert "`./bulwark preview --stack prod --twin` again" in end
    assert "Fix: Assign a contact elsewhere as well" in screen.text
    assert "[unknown]" not in screen.text


@pytest.mark.shares("production")
def test_a_passed_preview_ends_with_the_number_of_policies(production: Deployment) -> None:
    screen = run(production, *PREVIEW)
    assert screen.code == 0
    assert screen.rows[-1].startswith(
        f"prod passes {count_policies('prod')} policies. `up` would do: nothing."
    )


@pytest.mark.shares("fast_twin")
def test_up_ends_with_what_holds_and_where_its_proof_is(fast_twin: FastTwin) -> None:
    verdict, next_step = fast_twin.first_up.out.splitlines()[-2:]
    assert verdict == f"local is up and passes {count_policies('local')} policies. Declared, not proven:"
    assert next_step == "  Next: ./bulwark backups says what was backed up and restored."


def runs_of(*errors: tuple[str, str], code: int = 1) -> EngineRuns:
    """Return the runs of an `up` whose engine reported these errors."""
    runs = EngineRuns("./bulwark up", stack="local", as_json=True)
    log = EventLog("Update", quiet=True, as_json=True)
    log.errors = list(errors)
    runs.record(log, code)
    return runs


@pytest.mark.parametrize(
    ("errors", "code", "sentence", "next_step"),
    [
        pytest.param(
            [(MONITOR, "[HTTP Code: 503] busy")],
            1,
            "UptimeRobot refused uptime-backend-health: busy (HTTP 503).",
            "see status.uptimerobot.com",
            id="one refusal",
        ),
        pytest.param(
            [(MONITOR, "[HTTP Code: 503] busy"), (f"{MONITOR}-2", "[HTTP Code: 409] exists")],
            1,
            "2 refusals of the vendors stopped this",
            "do what each says, then `./bulwark up` again",
            id="two refusals",
        ),
        pytest.param(
            [("", "program failed"), ("", "update failed")],
            1,
            "The engine failed: program failed",
            "correct that, then `./bulwark up` again",
            id="the program",
        ),
        *(
            pytest.param(
                [("", refusal)],
                1,
                "Another run is working on local, and only one may.",
                "wait for its end, then `./bulwark up` again. If its process is gone: "
                "`./bulwark pulumi cancel --stack local`",
                id=f"a second run on {backend}",
            )
            for backend, refusal in (
                (
                    "files",
                    "the stack is currently locked by 1 lock(s). Either wait for the other process(es)",
                ),
                ("Pulumi Cloud", "[409] Conflict: Another update is currently in progress."),
            )
        ),
        pytest.param(
            [],
            session.SIGNAL_CODE + 2,
            "The run was interrupted",
            "`./bulwark up` again; it goes on from there.",
            id="Ctrl-C",
        ),
    ],
)
def test_a_failure_is_told_with_its_cause_and_the_next_step(
    errors: list[tuple[str, str]], code: int, sentence: str, next_step: str
) -> None:
    verdict = runs_of(*errors, code=code).explain_failure()
    assert verdict.sentence.startswith(sentence)
    assert next_step in verdict.next_step
    assert not verdict.passes
