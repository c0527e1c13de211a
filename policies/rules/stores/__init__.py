"""Rules about data stores."""

from policies.framework.rule import Rule
from policies.rules.stores import (
    store_backups_outlast_corruption,
    store_branch_is_protected,
    store_drill_is_recent,
    store_has_copy_elsewhere,
    store_has_history,
    store_has_independent_backup,
    store_history_fits_plan,
    store_is_drilled,
    store_is_protected,
    store_is_proven,
    store_keeps_its_identity,
    store_loss_is_within_objective,
    store_proof_is_recent,
    store_quota_leaves_room,
    type_is_classified,
    valueless_store_is_explained,
)

RULES: tuple[Rule, ...] = (
    type_is_classified.RULE,
    store_has_history.RULE,
    store_history_fits_plan.RULE,
    store_quota_leaves_room.RULE,
    store_branch_is_protected.RULE,
    store_is_protected.RULE,
    store_keeps_its_identity.RULE,
    store_has_independent_backup.RULE,
    store_has_copy_elsewhere.RULE,
    store_loss_is_within_objective.RULE,
    store_backups_outlast_corruption.RULE,
    store_is_proven.RULE,
    store_proof_is_recent.RULE,
    store_is_drilled.RULE,
    store_drill_is_recent.RULE,
    valueless_store_is_explained.RULE,
)
