"""
What AWS's policy simulator answers to the destructive calls of the drill `credentials`. It makes none.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from components.alarm_names import GLOBAL_REGION
from components.guard import BOUNDED, BREAK_GLASS, role_arn
from components.settings import Settings
from core import vault_layout
from core.failure import Failure
from core.text import printable
from engine.call_names import CallNames, fill, find_key_id, find_vault, name_roles, name_vault
from recovery.drill.credentials.calls import AwsCall, DestructiveCall
from recovery.drill.credentials.intruders import INTRUDERS, Credential
from recovery.drill.credentials.scenario import CallAnswer
from recovery.vault.client import error_code

_ROLES: Final = (*BOUNDED, BREAK_GLASS)
"""The credentials that are roles of the stack. IAM simulates a principal that it knows, and no root user."""

_NOT_MADE: Final[Mapping[str, str]] = {
    "administrator": "the stack does not know who administers the account",
    "root user": "AWS simulates no root user",
    "closed account": "no simulator closes an account",
}
_NO_SIMULATOR: Final = "no simulator answers for it, and nothing is destroyed at the vendors"
_EVERYTHING: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
)
_DUMP: Final = f"{vault_layout.DATABASE}daily/20300101T000000Z-0000"
"""A backup that need not exist: the policies are about all that lie there."""

_NEW_OBJECT: Final = frozenset(("CopyObject", "PutObject"))
_CallKey = tuple[str, str]
"""Target and name of a call."""

_STEP: Final = "run it from the workflow that takes on the role that drills (.github/workflows/drill.yml)."


class PolicySimulator:
    """
    Answers the calls of a thief by IAM's simulator, as the role that drills.

    For a role it takes the role's policies, its boundary and the organization's policies into account. Its
    methods raise Failure where AWS does not answer, or the simulator may not be asked.
    """

    def __init__(self, settings: Settings, open_client: Callable[[str, str, str], Any]) -> None:
        """
        Ask for nothing yet.

        Args:
            settings: The stack's.
            open_client: Returns a client of botocore for a service, a region and an account. Raises Failure.
        """
        self._settings = settings
        self._open_client = open_client
        self._loosened: set[Credential] = set()
        self._answers: dict[Credential, dict[_CallKey, CallAnswer]] = {}
        self._names = cache(self._find_names)

    def attempt(self, credential: Credential, call: DestructiveCall) -> Iterator[CallAnswer]:
        if credential not in _ROLES or not isinstance(call, AwsCall):
            yield CallAnswer("unknown", "not made", _NOT_MADE.get(credential, _NO_SIMULATOR))
            return
        if credential not in self._answers:
            self._answers[credential] = self._simulate(credential)
        yield self._answers[credential][call.target, call.name]

    def close_account(self) -> CallAnswer:
        return CallAnswer("unknown", "not made", _NOT_MADE["closed account"])

    def loosen(self, credential: Credential) -> str:
        """Let the simulator add a policy and replace the boundary; the role itself stays as it is."""
        self._loosened.add(credential)
        self._answers.pop(credential, None)
        return f"{credential} was simulated with every permission, and a boundary of all"

    def _simulate(self, credential: Credential) -> dict[_CallKey, CallAnswer]:
        """Simulate all calls of a role, those on one resource with the same context by one request."""
        calls = [
            call
            for intruder in INTRUDERS
            if intruder.credential == credential
            for call in intruder.calls
            if isinstance(call, AwsCall)
        ]
        groups: defaultdict[tuple[str, tuple[tuple[str, str], ...]], list[AwsCall]] = defaultdict(list)
        for call in calls:
            resource = str(fill(call.resource, self._names(call.target)))
            groups[resource, tuple(self._context_of(call).items())].append(call)
        answers: dict[_CallKey, CallAnswer] = {}
        for (resource, context), group in groups.items():
            results = self._ask(credential, {call.permission for call in group}, resource, dict(context))
            answers |= {(call.target, call.name): results[call.permission] for call in group}
        return answers

    def _ask(
        self, credential: Credential, actions: set[str], resource: str, context: Mapping[str, str]
    ) -> dict[str, CallAnswer]:
        platform, account = self._settings.platform.name, self._settings.vaults.account
        loosened: dict[str, Sequence[str]] = (
            {"PolicyInputList": [_EVERYTHING], "PermissionsBoundaryPolicyInputList": [_EVERYTHING]}
            if credential in self._loosened
            else {}
        )
        try:
            pages: list[Mapping[str, Any]] = list(
                self._open_client("iam", GLOBAL_REGION, account)
                .get_paginator("simulate_principal_policy")
                .paginate(
                    PolicySourceArn=role_arn(platform, account, credential),
                    ActionNames=sorted(actions),
                    ResourceArns=[resource],
                    ContextEntries=[
                        {"ContextKeyName": key, "ContextKeyType": "string", "ContextKeyValues": [value]}
                        for key, value in context.items()
                    ],
                    **loosened,
                )
            )
        except ClientError as error:
            if (code := error_code(error)) in {"InvalidInput", "PolicyEvaluation"}:
                return dict.fromkeys(actions, CallAnswer("unknown", "simulated", f"answered with {code}"))
            raise Failure(f"AWS simulates nothing for {credential}: {code}.", _STEP) from None
        except BotoCoreError as error:
            raise Failure(f"AWS simulates nothing: {type(error).__name__}.", _STEP) from None
        results = [result for page in pages for result in page["EvaluationResults"]]
        return {str(result["EvalActionName"]): _read(result) for result in results}

    def _context_of(self, call: AwsCall) -> dict[str, str]:
        """Return the condition keys that the call would have; those that it lacks are not given."""
        if call.service == "kms":
            return {"aws:ResourceTag/Project": self._settings.platform.name}
        return {"s3:ObjectCreationOperation": "true"} if call.operation in _NEW_OBJECT else {}

    def _find_names(self, target: str) -> CallNames:
        if target not in {"primary vault", "replica"}:
            return name_roles(self._settings)
        vault = find_vault(self._settings, target)
        try:
            key = find_key_id(self._open_client("kms", vault.region, vault.account), vault)
        except (BotoCoreError, ClientError) as error:
            code = error_code(error) if isinstance(error, ClientError) else type(error).__name__
            raise Failure(f"AWS does not tell the key of {vault.bucket}: {code}.", _STEP) from None
        return {
            **name_vault(vault, key),
            "dump": f"{_DUMP}/dump.pgc.zst",
            "manifest": f"{_DUMP}/{vault_layout.MANIFEST}",
        }


def _read(result: Mapping[str, Any]) -> CallAnswer:
    """Return the answer to one call; an answer that no reader knows is neither a refusal nor a permission."""
    decision = str(result["EvalDecision"])
    boundary = result.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary")
    organization = result.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations")
    text = decision
    if boundary is not None:
        text += f"; its boundary {'allows' if boundary else 'does not allow'} it"
    if organization is not None:
        text += f"; the organization {'allows' if organization else 'does not allow'} it"
    if missing := result.get("MissingContextValues"):
        text += f"; without {', '.join(map(str, missing))}"
    text = printable(text)
    match decision:
        case "allowed" if boundary is not False and organization is not False:
            return CallAnswer("allowed", "simulated", text)
        case "allowed" | "implicitDeny" | "explicitDeny":
            return CallAnswer("refused", "simulated", text)
        case _:
            return CallAnswer("unknown", "simulated", text)
