from typing import Any

from case import Case, Change
from policy_harness import UNKNOWN, Toy, alter, secret

PROJECT = "errors-backend-project"


def filtered(**filters: Any) -> Change:
    return lambda s: alter(s, PROJECT, filters=filters)


def inbound(name: Any, active: Any = True) -> Change:
    """Add an inbound filter of the project."""
    made = {"project": "backend", "organization": "example", "filterId": name, "active": active}
    kind = "sentry:index/projectInboundDataFilter:ProjectInboundDataFilter"
    return lambda s: [*s, Toy(kind, "inbound", made, provider="sentry")]


CASE = Case(
    rule="error-project-drops-nothing",
    at=PROJECT,
    weak=(
        filtered(errorMessages=["*"]),
        filtered(errorMessages=["Timeout*", "*e*"]),
        filtered(releases=["*"]),
        filtered(releases=["*.*"]),
        inbound("legacy-browsers"),
        inbound("anything-new"),
        inbound("legacy-browsers", ["ie9"]),
    ),
    absent=(inbound(None),),
    unknown=(
        filtered(errorMessages=UNKNOWN),
        filtered(releases=[UNKNOWN]),
        inbound(UNKNOWN),
        inbound("legacy-browsers", UNKNOWN),
        lambda s: alter(s, PROJECT, filters=UNKNOWN),
    ),
    secret=(filtered(errorMessages=[secret("ResizeObserver loop*")]),),
    fine=(
        filtered(errorMessages=["ResizeObserver loop*"], releases=["1.0.*-test"]),
        inbound("localhost"),
        inbound("web-crawlers"),
        inbound("legacy-browsers", active=False),
    ),
)
