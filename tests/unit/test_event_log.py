"""Which parts of the engine's output are shown."""

import pytest
from pulumi.automation import events

from engine.event_log import EventLog

DIED = """\
  pulumi:pulumi:Stack (bulwark-local):
    error: python inline source runtime error: invoke of sentry:index/getX:getX failed: connection refused
    Traceback (most recent call last):
      File "_server.py", line 95, in run
        loop.run_until_complete(run_in_stack(self.program))
        ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      File "invoke.py", line 408, in do_rpc
        raise error
    Exception: invoke of sentry:index/getX:getX failed: connection refused

Resources:
"""
OTHER_TRACEBACK = DIED.replace("invoke of", "no invoke of")


def show(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    watched = EventLog("Update", quiet=False, as_json=False)
    for line in text.splitlines():
        watched.on_output(line)
    watched.close(0)
    return capsys.readouterr().out


def test_a_provider_that_died_during_an_invoke_is_reported_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second, *_, last = DIED.splitlines()
    assert show(DIED, capsys).splitlines() == [first, second, "", last]


@pytest.mark.parametrize(
    "text",
    [OTHER_TRACEBACK, OTHER_TRACEBACK[: OTHER_TRACEBACK.index('      File "invoke')]],
    ids=["whole", "cut short"],
)
def test_any_other_traceback_is_shown_whole(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(text, capsys).rstrip() == text.rstrip()


def test_a_step_names_what_differs_and_not_all_that_was_read_anew() -> None:
    watched = EventLog("Refresh", quiet=True, as_json=True)
    step = {
        "op": "update",
        "urn": "urn:pulumi:one::two::uptimerobot:index/psp:Psp::page",
        "type": "uptimerobot:index/psp:Psp",
        "provider": "",
        "diffs": ["autoAddMonitors", "monitorIds", "tagIds"],
        "detailedDiff": {
            "monitorIds[0]": {"diffKind": "update", "inputDiff": False},
            "monitorIds[1]": {"diffKind": "add", "inputDiff": False},
        },
    }
    event = {"sequence": 1, "timestamp": 1, "resourcePreEvent": {"metadata": step}}
    watched.on_event(events.EngineEvent.from_json(event))
    assert [step["properties"] for step in watched.steps] == [["monitorIds"]]


def test_of_two_runs_at_once_the_second_ones_text_comes_whole_after_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = EventLog("Administrator's preview", quiet=False, as_json=False)
    second = EventLog("Preview", quiet=False, as_json=False, waits=True)
    for number in range(2):
        second.on_output(f"second {number}\n")
        first.on_output(f"first {number}\n")
    second.on_failure("why the second one failed")
    first.close(0)
    second.close(1)
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["first 0", "first 1", "second 0", "second 1"]
    assert shown.err == "why the second one failed\n"


def test_the_cause_of_a_failure_has_what_its_first_line_announces() -> None:
    watched = EventLog("Update", quiet=True, as_json=True)
    watched.on_failure("error: the stack's settings have 1 problem:\n  legacy_url: this secret is missing\n")
    assert watched.cause() == "the stack's settings have 1 problem: legacy_url: this secret is missing"


CANCELED = "aws:s3:BucketPublicAccessBlock one failed to run remediation: context canceled"


def test_policies_that_a_failure_ended_are_no_error_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    watched = EventLog("Update", quiet=True, as_json=True)
    event = {"severity": "error", "message": CANCELED, "urn": "", "prefix": "", "color": "never"}
    watched.on_event(events.EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": event}))
    assert watched.errors == []
    assert show(f"before\n    error: {CANCELED}\nafter\n", capsys) == "before\nafter\n"


def test_the_engines_text_names_commands_that_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    assert show("run `pulumi stack rm local`.\n", capsys) == "run `./bulwark pulumi stack rm local`.\n"


def test_the_cause_is_a_vendors_refusal_and_else_the_engines_first_error() -> None:
    watched = EventLog("Update", quiet=True, as_json=True)
    assert watched.cause() == "the engine does not say why."
    watched.errors = [("", "program failed:\nTraceback"), ("", "update failed")]
    assert watched.cause() == "program failed:"
    branch = "urn:pulumi:one::two::neon:index/branch:Branch::three"
    watched.errors.append((branch, "error: [HTTP Code: 400] no history"))
    assert watched.cause() == "Neon: no history (HTTP 400)."
