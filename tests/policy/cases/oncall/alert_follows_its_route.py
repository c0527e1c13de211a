from collections.abc import Sequence
from dataclasses import replace

from case import Case, Change
from policy_harness import ABSENT, UNKNOWN, Toy, alter, find_toy, secret, without

from cases.oncall import COMPONENT, POLICY

ROUTES, HEALTH, ALERT = "alerting", "uptime-backend-health", "errors-backend-check-health-alert"
VERSION, HEARTBEAT = "uptime-backend-version", "job-database-heartbeat"


def untold(contact: str, monitor: str = HEALTH) -> Change:
    """Take a contact off a monitor."""

    def change(stack: Sequence[Toy]) -> list[Toy]:
        toy = find_toy(stack, monitor)
        told = [name for name in toy.made_from["assignedAlertContacts"] if name != contact]
        inputs = {**toy.inputs, "assignedAlertContacts": toy.inputs["assignedAlertContacts"][1:]}
        made_from = {**toy.made_from, "assignedAlertContacts": told}
        return [replace(toy, inputs=inputs, made_from=made_from) if one is toy else one for one in stack]

    return change


def acting(first: int) -> Change:
    """Leave the first actions of the alert on the prober out."""

    def change(stack: Sequence[Toy]) -> list[Toy]:
        toy = find_toy(stack, ALERT)
        (alone,) = toy.inputs["actionFilters"]
        inputs = {**toy.inputs, "actionFilters": [{**alone, "actions": alone["actions"][first:]}]}
        return [replace(toy, inputs=inputs) if one is toy else one for one in stack]

    return change


def quiet(stack: Sequence[Toy]) -> list[Toy]:
    name = find_toy(stack, POLICY).inputs["name"]
    return alter(stack, COMPONENT, severities={name: ["sev2"]})


CASE = Case(
    rule="alert-follows-its-route",
    at=ROUTES,
    weak=(
        lambda s: alter(s, ROUTES, routes__sev1=["slack", "email", "webhook"]),
        lambda s: alter(s, ROUTES, routes__sev1=["webhook"], escalatedByWebhook=["sev2"]),
        lambda s: alter(s, ROUTES, routes__sev1=[]),
        untold("alerting-oncall"),
        untold("alerting-oncall", "uptime-frontend-page"),
        untold("alerting-incidents", VERSION),
        lambda s: alter(s, HEALTH, assignedAlertContacts__2__threshold=60.0),
        acting(1),
        lambda s: alter(s, ALERT, actionFilters__0__actions__0__pagerduty__serviceId=""),
        lambda s: alter(s, ALERT, enabled=False),
        quiet,
        untold("alerting-automation", HEARTBEAT),
        lambda s: alter(s, HEARTBEAT, tags=["heartbeat"]),
        lambda s: alter(s, "errors-backend-new-alert", actionFilters__0__actions__0__slack__channelName="#x"),
    ),
    absent=(
        lambda s: alter(s, ROUTES, routes=ABSENT),
        lambda s: alter(s, ROUTES, routes__sev1=ABSENT),
        lambda s: alter(s, "uptime", watches=ABSENT),
        lambda s: without(s, POLICY),
        lambda s: without(s, "alerting-oncall"),
        lambda s: without(s, ALERT),
        lambda s: alter(s, "alerting-oncall", type=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, ROUTES, routes=UNKNOWN),
        lambda s: alter(s, ROUTES, routes__sev1=["slack", UNKNOWN]),
        lambda s: alter(s, HEALTH, assignedAlertContacts__2__threshold=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, ROUTES, routes__sev1=secret(["pagerduty"])),
        lambda s: alter(s, "alerting-oncall", type=secret("pagerduty")),
    ),
    fine=(
        lambda s: alter(s, ROUTES, routes__sev1=["pagerduty"]),
        lambda s: alter(s, ROUTES, routes__sev1=["webhook"], escalatedByWebhook=["sev1"]),
        lambda s: alter(s, HEALTH, assignedAlertContacts__2__threshold=5.0),
    ),
)
