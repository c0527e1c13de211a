"""Rules about identities, credentials and providers."""

from policies.framework.rule import Rule
from policies.rules.identity import (
    account_trust_is_conditional,
    no_long_lived_key,
    nothing_looks_like_a_secret,
    policy_names_its_actions,
    policy_names_its_resources,
    provider_is_bound_to_account,
    provider_is_explicit,
    provider_is_pinned,
    provider_tags_everything,
    role_cannot_widen_itself,
    role_has_no_managed_administrator,
    role_session_is_short,
    role_trusts_one_workload,
    role_trusts_own_repository,
    secret_is_marked,
    secret_outputs_are_marked,
    service_role_is_bound_to_account,
)

RULES: tuple[Rule, ...] = (
    role_trusts_one_workload.RULE,
    role_trusts_own_repository.RULE,
    service_role_is_bound_to_account.RULE,
    account_trust_is_conditional.RULE,
    policy_names_its_actions.RULE,
    policy_names_its_resources.RULE,
    role_cannot_widen_itself.RULE,
    role_has_no_managed_administrator.RULE,
    role_session_is_short.RULE,
    no_long_lived_key.RULE,
    secret_is_marked.RULE,
    secret_outputs_are_marked.RULE,
    nothing_looks_like_a_secret.RULE,
    provider_is_explicit.RULE,
    provider_is_pinned.RULE,
    provider_is_bound_to_account.RULE,
    provider_tags_everything.RULE,
)
