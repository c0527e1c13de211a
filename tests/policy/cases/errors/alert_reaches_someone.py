from collections.abc import Sequence
from dataclasses import replace

from case import Case
from policy_harness import ABSENT, UNKNOWN, Toy, alter, secret

from cases.errors import DOWN


def acting(stack: Sequence[Toy], **action: object) -> list[Toy]:
    """Return the stack with an alert that does one thing only."""
    return alter(stack, DOWN, actionFilters=[{"actions": [action], "conditions": [], "logicType": "all"}])


CASE = Case(
    rule="alert-reaches-someone",
    at=DOWN,
    weak=(
        lambda s: alter(s, DOWN, enabled=False),
        lambda s: alter(s, DOWN, actionFilters=[]),
        lambda s: alter(s, DOWN, actionFilters__0__actions=[]),
        lambda s: acting(s, slack={"channelName": "", "integrationId": "501"}),
        lambda s: acting(s, slack={"channelName": "#incidents", "integrationId": ""}),
        lambda s: acting(s, pagerduty={"integrationId": "502", "serviceId": ""}),
        lambda s: acting(s, email={"targetType": "issue_owners", "fallthroughType": "NoOne"}),
        lambda s: acting(s, email={"targetType": "nobody"}),
        lambda s: acting(s, jira={"integrationId": "503", "project": "OPS"}),
        lambda s: acting(s, plugin={}),
    ),
    absent=(
        lambda s: alter(s, DOWN, enabled=ABSENT),
        lambda s: alter(s, DOWN, actionFilters=ABSENT),
        lambda s: alter(s, DOWN, actionFilters__0__actions=ABSENT),
        lambda s: acting(s, slack={"integrationId": "501"}),
        lambda s: acting(s, email={"targetType": "team"}),
        lambda s: acting(s, email={"targetType": "issue_owners"}),
    ),
    unknown=(
        lambda s: alter(s, DOWN, enabled=UNKNOWN),
        lambda s: alter(s, DOWN, actionFilters=UNKNOWN),
        lambda s: alter(s, DOWN, actionFilters=[UNKNOWN]),
        lambda s: acting(s, slack={"channelName": UNKNOWN, "integrationId": "501"}),
        lambda s: acting(s, email={"targetType": "team", "targetId": UNKNOWN}),
        lambda s: acting(s, email={"targetType": UNKNOWN}),
    ),
    secret=(
        lambda s: acting(s, slack={"channelName": secret("#incidents"), "integrationId": "501"}),
        lambda s: alter(s, DOWN, enabled=secret(value=True)),
    ),
    fine=(
        lambda s: acting(s, email={"targetType": "user", "targetId": "7"}),
        lambda s: acting(s, email={"targetType": "issue_owners", "fallthroughType": "ActiveMembers"}),
        lambda s: acting(s, webhook={"service": "example-hook"}),
        lambda s: [
            replace(toy, made_from={"actionFilters": ["errors-team"]}) if toy.name == DOWN else toy
            for toy in acting(s, email={"targetType": "team", "targetId": UNKNOWN})
        ],
    ),
)
