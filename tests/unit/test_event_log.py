"""What is shown of an engine's text."""

import pytest

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
OTHER = DIED.replace("invoke of", "no invoke of")


def shown(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    watched = EventLog("Update", quiet=False, as_json=False)
    for line in text.splitlines():
        watched.read(line)
    watched.close(0)
    return capsys.readouterr().out


def test_a_provider_that_died_under_a_question_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first, second, *_, last = DIED.splitlines()
    assert shown(DIED, capsys).splitlines() == [first, second, "", last]


@pytest.mark.parametrize(
    "text", [OTHER, OTHER[: OTHER.index('      File "invoke')]], ids=["whole", "cut short"]
)
def test_any_other_traceback_is_shown_whole(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(text, capsys).rstrip() == text.rstrip()


def test_the_cause_is_what_a_vendor_refused_in_a_line_and_else_what_the_engine_said_first() -> None:
    watched = EventLog("Update", quiet=True, as_json=True)
    assert watched.cause() == "the engine does not say why."
    watched.errors = [("", "program failed:\nTraceback"), ("", "update failed")]
    assert watched.cause() == "program failed:"
    branch = "urn:pulumi:one::two::neon:index/branch:Branch::three"
    watched.errors.append((branch, "error: [HTTP Code: 400] no history"))
    assert watched.cause() == "Neon: no history (HTTP 400)."
