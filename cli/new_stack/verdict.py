"""What the policies say of a new stack: a preview by the real engine on the twin, which no vendor notices."""

import os
from dataclasses import dataclass, field
from typing import Final

from cli.engine_runs import run_with_report, split_violation
from cli.new_stack.missing_answers import MissingAnswer, find_missing_answers
from cli.open_stack import open_stack
from components.secrets import name_url, variable
from core.console import PrintableConsole
from engine import session, stack_file
from engine.event_log import EventLog
from engine.policy_gate import PACK
from engine.targets import find_target

_MANDATORY: Final = "mandatory"


@dataclass
class StackVerdict:
    """Whether the policies pass a stack, and what they want of it."""

    policies: int = 0
    """How many have judged; 0 if the engine did not come that far."""

    failure: str = ""
    """Why the engine failed, if not for a policy."""

    started_services: bool = False
    """Whether the twin's services were started for it; they stay up."""

    missing: list[MissingAnswer] = field(default_factory=list[MissingAnswer])
    refusals: dict[str, str] = field(default_factory=dict[str, str])
    """Policy that wants something else than an answer -> what it finds first."""

    @property
    def passes(self) -> bool:
        return self.policies > 0 and not (self.failure or self.missing or self.refusals)


_NOWHERE: Final = "postgresql://nobody@localhost/nothing"
"""In place of the address of a database that exists already: a preview connects to none."""


def judge(stack: str) -> StackVerdict:
    """
    Preview both programs of a stack on the twin, with the policies on.

    Raises:
        Failure: the twin can't be started.
    """
    verdict, found = StackVerdict(), dict[str, str]()
    _stand_in_for_databases(stack)
    services = find_target(stack, on_twin=True).service_statuses()
    verdict.started_services = not any(service.state == "running" for service in services)
    with open_stack(stack, on_twin=True) as opened:
        with PrintableConsole(stderr=True).status("Asking the policies, on the twin"):
            for engine in opened.stacks:
                log = EventLog("", quiet=True, as_json=True)
                (_, code), report = run_with_report(
                    engine,
                    lambda engine=engine, log=log: session.run(
                        lambda: engine.preview(
                            on_output=lambda _: None, on_event=log.on_event, policy_packs=[str(PACK)]
                        ),
                        on_failure=log.on_failure,
                    ),
                )
                refused = [one for one in log.violations if one["level"] == _MANDATORY]
                for violation in refused:
                    found.setdefault(violation["policy"], split_violation(violation["message"])[0])
                verdict.policies = len(report["evaluated"]) if report else verdict.policies
                if code and not refused:
                    verdict.failure = log.cause()
                    break
        verdict.missing, others = find_missing_answers(opened.target.settings, found)
    verdict.refusals = {policy: found[policy] for policy in others}
    return verdict


def _stand_in_for_databases(stack: str) -> None:
    """Give this process an address for each database that the twin has no server of."""
    settings = stack_file.load_settings(stack, stack_file.read(stack))
    for store in settings.databases.keys() - settings.neon.keys():
        os.environ.setdefault(variable(name_url(store)), _NOWHERE)
