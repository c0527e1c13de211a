"""KMS's check that the maker of a key's policy can change the policy again."""

from typing import Final

from werkzeug.wrappers import Request

from twin.aws.errors import AwsServiceError
from twin.aws.evaluation import ResourceDecision, evaluate_key_policy, find_denial
from twin.aws.kms_actions import find_key, read_operation
from twin.aws.policy import Principal, RequiredPermission

_PUT: Final = "kms:PutKeyPolicy"


def check_lockout(request: Request, principal: Principal, region: str) -> None:
    """
    Refuse a policy of CreateKey or PutKeyPolicy under which the sender could not put another one.

    Source: https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html, parameter
    BypassPolicyLockoutSafetyCheck.

    Raises:
        AwsServiceError: the sender would be locked out, or the policy is no policy.
    """
    operation, parameters = read_operation(request)
    document = parameters.get("Policy")
    if operation not in {"CreateKey", "PutKeyPolicy"} or not document:
        return
    if parameters.get("BypassPolicyLockoutSafetyCheck"):
        return
    key = find_key(parameters.get("KeyId", ""), principal.account, region)
    arn = key.arn if key else f"arn:aws:kms:{region}:{principal.account}:key/*"
    permission = RequiredPermission(_PUT, arn, {"kms:bypasspolicylockoutsafetycheck": "false"})
    try:
        decision = evaluate_key_policy(document, arn, permission.with_context(principal.context), principal)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise _malformed_document_error("The new key policy is not a policy document.") from None
    if find_denial(principal, permission, ResourceDecision(decision, principal.account, must_allow=True)):
        raise _malformed_document_error(
            "The new key policy will not allow you to update the key policy in the future."
        )


def _malformed_document_error(message: str) -> AwsServiceError:
    return AwsServiceError(400, "MalformedPolicyDocumentException", message)
