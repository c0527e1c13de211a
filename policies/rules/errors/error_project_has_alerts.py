"""A Sentry project without alerts on new and regressed issues is refused."""

from typing import Final

from pulumi_policy import Severity

from policies.facts.sentry import PROJECT, SentryAlerts
from policies.framework.controls import Control
from policies.framework.rule import Rule, of_type

RULE: Final = Rule(
    id="error-project-has-alerts",
    title="Every Sentry project has enabled alerts on new and on regressed issues",
    violated="collects errors that nobody is told of",
    severity=Severity.HIGH,
    risk="Errors pile up in a list that nobody opens.",
    fix=(
        "Declare Alerts, enabled and with a filter without conditions, whose triggerConditions name "
        "firstSeenEvent and regressionEvent, and whose monitorIds are made from the project. In a Python "
        "program a looked-up id forgets what it is made from while the project is new: join it with the "
        "project's id, as in `Output.all(monitor.id, project.id).apply(lambda ids: ids[0])`."
    ),
    controls=(Control.SOC_CC7_3, Control.NIST_SI_4_12, Control.ISO_A_8_16, Control.CIS_13_1),
    subjects=of_type(PROJECT),
    judge=lambda project, stack, _limits: stack.view(SentryAlerts).check_alerts(project),
)
