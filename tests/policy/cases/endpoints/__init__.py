"""The rules about endpoints, and about who notices."""

from collections.abc import Sequence

from policy_harness import Toy, alter

PLATFORM, HEALTH, FRONTEND = "example", "uptime-backend-health", "uptime-frontend-page"
HEALTH_URL = "https://api.example.com/health"


def deaf(stack: Sequence[Toy], *, but: str = "") -> list[Toy]:
    """Return the stack with no contact that listens, but one."""
    channels = {"alerting-automation", "alerting-incidents", "alerting-oncall"} - {but}
    if but != "alerting-operations":
        stack = alter(stack, "alerting-operations", isActive=False)
    for channel in sorted(channels):
        stack = alter(stack, channel, enableNotificationsFor=4)
    return list(stack)
