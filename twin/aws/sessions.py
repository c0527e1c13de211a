"""STS: who may assume a role, and for how long."""

import os
from datetime import timedelta
from typing import Any, Final

from moto.core.utils import utcnow
from moto.iam.models import Role, iam_backends
from moto.sts import models
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.wrappers import Request

from twin.aws import issuer, second_factor
from twin.aws.closed_accounts import check_owner
from twin.aws.errors import AwsServiceError
from twin.aws.evaluation import ResourceDecision, find_denial
from twin.aws.identities import find_role, is_administrator
from twin.aws.policy import Context, Decision, Principal, RequiredPermission, evaluate
from twin.host.home import TwinHome

SESSION_VARIABLE: Final = "BULWARK_TWIN_SESSION_SECONDS"
"""Maximum seconds that a session lasts on the twin; it may be below AWS's minimum of 15 minutes."""

_MIN_SECONDS: Final = 900
_DEFAULT_SECONDS: Final = 3600
_KEPT_AFTER_EXPIRY: Final = timedelta(days=1)


class Session(AssumedRole):
    """A session that a test can let end before AWS's minimum."""

    def __init__(self, *, duration: int, **attributes: Any) -> None:
        maximum = os.environ.get(SESSION_VARIABLE)
        super().__init__(duration=min(duration, int(maximum)) if maximum else duration, **attributes)


def patch_moto_sts() -> None:
    """Replace moto's session class; call it before the first request to STS."""
    models.AssumedRole = Session


def check_assumption(request: Request, principal: Principal, region: str) -> None:
    """
    Authorize a request to STS.

    Raises:
        AwsServiceError: STS would issue no credentials, or the twin's STS lacks the action or parameter.
    """
    action, arn = request.values.get("Action"), request.values.get("RoleArn", "")
    match action:
        case "GetCallerIdentity":
            if not principal.kind:
                message = "Request is missing Authentication Token"
                raise AwsServiceError(403, "MissingAuthenticationToken", message)
            return
        case "AssumeRole":
            role = find_role(arn)
            context = {"aws:requestedregion": region, **_read_factor(request, principal)}
            if not _may_assume(role, arn, principal, context):
                user = principal.session or principal.arn
                raise _access_denied(
                    f"User: {user} is not authorized to perform: sts:AssumeRole on resource: {arn}"
                )
        case "AssumeRoleWithWebIdentity":
            role = find_role(arn)
            check_owner(role.account_id if role else "")
            if role is None or not _trusts_token(role, request.values.get("WebIdentityToken", "")):
                raise _access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
        case _:
            raise AwsServiceError(400, "InvalidAction", f"The twin's STS has no action {action}.")
    if any(name.startswith("Policy") for name in request.values):
        raise AwsServiceError(400, "ValidationError", "The twin's STS takes no session policies.")
    _check_duration(request.values.get("DurationSeconds", str(_DEFAULT_SECONDS)), role)
    _forget_old_sessions()


def _read_factor(request: Request, principal: Principal) -> dict[str, str | tuple[str, ...]]:
    """
    Return the condition keys of the second factor that a request names; empty if it names none.

    Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html

    Raises:
        AwsServiceError: the sender has no such device, or the code is not the one that it shows.
    """
    device, code = (request.values.get(name, "") for name in ("SerialNumber", "TokenCode"))
    if not device and not code:
        return {}
    has_device = is_administrator(principal) and device == second_factor.serial_number(principal.account)
    if not has_device or not second_factor.accepts_code(TwinHome.from_environment(), code):
        raise _access_denied("MultiFactorAuthentication failed with invalid MFA one time pass code.")
    return {"aws:multifactorauthpresent": "true", "aws:multifactorauthage": "0"}


def _may_assume(role: Role | None, arn: str, principal: Principal, context: Context) -> bool:
    if role is None:
        return False
    permission = RequiredPermission("sts:AssumeRole", arn, context)
    trust = evaluate(_trust_policy(role), permission.with_context(principal.context), principal)
    return not find_denial(principal, permission, ResourceDecision(trust, role.account_id, must_allow=True))


def _trusts_token(role: Role, token: str) -> bool:
    """
    Tell whether a role's trust policy accepts a token.

    Raises:
        AwsServiceError: the token is invalid, or the role's account has no OIDC provider for it.
    """
    try:
        claims = issuer.verify_token(TwinHome.from_environment(), token)
    except ValueError as error:
        code = "ExpiredTokenException" if "expired" in str(error) else "InvalidIdentityToken"
        raise AwsServiceError(400, code, f"The web identity token is not valid: {error}") from None
    name = issuer.ISSUER.removeprefix("https://")
    arn = f"arn:aws:iam::{role.account_id}:oidc-provider/{name}"
    provider = iam_backends[role.account_id]["aws"].open_id_providers.get(arn)
    if provider is None:
        message = f"No OpenIDConnect provider found in your account for {issuer.ISSUER}"
        raise AwsServiceError(400, "InvalidIdentityToken", message)
    if claims["aud"] not in provider.client_id_list:
        raise AwsServiceError(400, "InvalidIdentityToken", "Incorrect token audience")
    context = {f"{name}:{claim}": claims[claim] for claim in ("aud", "sub")}
    permission = RequiredPermission("sts:AssumeRoleWithWebIdentity", role.arn, context)
    return evaluate(_trust_policy(role), permission, Principal("Federated", arn)) is Decision.ALLOWED


def _trust_policy(role: Role) -> str:
    return role.assume_role_policy_document


def _check_duration(seconds: str, role: Role | None) -> None:
    maximum = int(role.max_session_duration or _DEFAULT_SECONDS) if role else _DEFAULT_SECONDS
    if not seconds.isdigit() or not _MIN_SECONDS <= int(seconds) <= maximum:
        message = f"DurationSeconds must be {_MIN_SECONDS} to {maximum} (MaxSessionDuration of the role)"
        raise AwsServiceError(400, "ValidationError", message)


def _forget_old_sessions() -> None:
    for account, partitions in sts_backends.items():
        kept: list[AssumedRole] = []
        for session in partitions["aws"].assumed_roles:
            if session.expiration + _KEPT_AFTER_EXPIRY > utcnow():
                kept.append(session)
            else:
                iam_backends[account]["aws"].access_keys.pop(session.access_key_id, None)
        partitions["aws"].assumed_roles[:] = kept


def _access_denied(message: str) -> AwsServiceError:
    return AwsServiceError(403, "AccessDenied", message)
