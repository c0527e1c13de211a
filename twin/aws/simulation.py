"""
IAM's policy simulator: what a role's policies and its boundary decide about calls that nobody makes.

As at AWS it takes no policy of a bucket, key or secret for a role, but for users alone, of which the twin has
none with policies. No organization is above the twin's accounts.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from moto.core.responses import ActionResult
from moto.iam import responses
from moto.iam.exceptions import InvalidInput, NotFoundException, ValidationError
from moto.iam.responses import IamResponse

from twin.aws.identities import find_boundary, find_role, list_policies
from twin.aws.policy import Context, Decision, Principal, RequiredPermission, evaluate, list_condition_keys

_DECISIONS: Final = {
    Decision.ALLOWED: "allowed",
    Decision.DENIED: "explicitDeny",
    Decision.NEUTRAL: "implicitDeny",
}


class SimulatingIamResponse(IamResponse):
    """IAM's protocol with SimulatePrincipalPolicy."""

    def simulate_principal_policy(self) -> ActionResult:
        arn = str(self._get_param("PolicySourceArn"))
        role = find_role(arn)
        if role is None or role.account_id != self.current_account:
            raise NotFoundException(f"The role with name {arn} cannot be found.")
        if self._get_param("ResourcePolicy") or self._get_param("CallerArn"):
            raise InvalidInput("A resource policy is simulated with the ARN of a user as the caller.")
        actions: list[str] = self._get_param("ActionNames", [])
        if not actions or any(":" not in action for action in actions):
            raise ValidationError("ActionNames must have the form service:action")
        given: list[str] = self._get_param("PermissionsBoundaryPolicyInputList", [])
        principal = Principal("AWS", arn, role.account_id)
        own = find_boundary(principal)
        results = simulate(
            principal,
            actions,
            self._get_param("ResourceArns", ["*"]),
            policies=[*list_policies(principal), *self._get_param("PolicyInputList", [])],
            boundaries=given or ([own] if own else []),
            context=dict(_read_context(self._get_param("ContextEntries", []))),
        )
        return ActionResult({"EvaluationResults": list(results), "IsTruncated": False})


def patch_moto_simulator() -> None:
    """Add the simulator to moto's IAM; call it before the first request to IAM."""
    responses.IamResponse = SimulatingIamResponse


def simulate(
    principal: Principal,
    actions: Iterable[str],
    resources: Iterable[str],
    *,
    policies: Iterable[str],
    boundaries: Iterable[str],
    context: Context,
) -> Iterator[dict[str, Any]]:
    """Yield an evaluation for each action on each resource; of several boundaries all have to allow it."""
    policies, boundaries = tuple(policies), tuple(boundaries)
    for action in actions:
        for resource in resources:
            permission = RequiredPermission(action, resource, {**principal.context, **context})
            identity = max(
                (evaluate(document, permission, principal) for document in policies), default=Decision.NEUTRAL
            )
            bounded = [evaluate(document, permission, principal) for document in boundaries]
            within = all(decision.allows for decision in bounded)
            decision = max([identity, *(each for each in bounded if each is Decision.DENIED)])
            if decision.allows and not within:
                decision = Decision.NEUTRAL
            missing = {
                key
                for document in (*policies, *boundaries)
                for key in list_condition_keys(document, permission)
                if key.lower() not in permission.context
            }
            detail = {"PermissionsBoundaryDecisionDetail": {"AllowedByPermissionsBoundary": within}}
            yield {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": _DECISIONS[decision],
                "MatchedStatements": [],
                "MissingContextValues": sorted(missing),
                **(detail if boundaries else {}),
            }


def _read_context(entries: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for entry in entries:
        values = tuple(map(str, entry.get("ContextKeyValues", ())))
        is_list = str(entry.get("ContextKeyType", "")).endswith("List")
        yield str(entry["ContextKeyName"]).lower(), values if is_list else values[0]
