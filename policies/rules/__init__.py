"""Every rule of the pack."""

from policies.rules import endpoint_has_monitor, store_has_independent_backup

RULES = (store_has_independent_backup.RULE, endpoint_has_monitor.RULE)
