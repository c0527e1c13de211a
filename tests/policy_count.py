"""The number of policies that judge a stack."""

from policies.framework import configuration
from policies.framework.closing_rules import CLOSING_RULES
from policies.rules import RULES


def count_policies(stack: str) -> int:
    """Return the number of policies that are on in a stack."""
    configured = configuration.read(stack).values()
    disabled = sum(settings.get("enforcementLevel") == "disabled" for settings in configured)
    return len(RULES) + len(CLOSING_RULES) - disabled
