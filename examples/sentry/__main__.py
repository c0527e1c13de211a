"""Collects the errors of one service at Sentry and mails its team. Needs SENTRY_AUTH_TOKEN."""

import pulumi
import pulumi_sentry

from components.alerting import Alerting, AlertingArgs
from components.channels import EmailChannel
from components.errors import ErrorProject, Errors, ErrorsArgs

ORGANIZATION = "example"
vendor = pulumi.ResourceOptions(provider=pulumi_sentry.Provider("sentry"))
alerting = Alerting(
    "people",
    AlertingArgs(
        channels={"team": EmailChannel("team@example.org")},
        routes={"sev2": ["team"], "sev3": ["team"]},
        uptimerobot=False,
        sentry_organization=ORGANIZATION,
    ),
    opts=vendor,
)
errors = Errors(
    "errors",
    ErrorsArgs(
        ORGANIZATION,
        team="shop",
        team_name="Shop",
        projects={"shop": ErrorProject("shop", "node-express", events_per_minute=300, paths=["src/**"])},
    ),
    alerting=alerting,
    opts=vendor,
)
pulumi.export("dsns", pulumi.Output.secret(errors.dsns))
