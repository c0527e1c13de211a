"""Every rule of the pack, by area; each module in an area's folder is one rule, called `RULE`."""

from typing import Final

from policies.framework.rule import Rule
from policies.rules import endpoints, errors, identity, oncall, orphans, stores, vaults

AREAS: Final[dict[str, tuple[Rule, ...]]] = {
    "stores": stores.RULES,
    "vaults": vaults.RULES,
    "endpoints": endpoints.RULES,
    "errors": errors.RULES,
    "oncall": oncall.RULES,
    "identity": identity.RULES,
    "orphans": orphans.RULES,
}

RULES: Final = tuple(rule for rules in AREAS.values() for rule in rules)
