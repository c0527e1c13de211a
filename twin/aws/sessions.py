"""STS: roles are assumed by those whom they trust, and for as long as they allow."""

import os
from datetime import timedelta
from typing import Any, Final

from moto.core.utils import utcnow
from moto.iam.models import Role, iam_backends
from moto.sts import models
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.wrappers import Request

from twin.aws import issuer
from twin.aws.identities import ACCOUNT, Refused, documents, is_administrator, role_of
from twin.aws.policy import AuthorizationRequest, Decision, Principal, judge
from twin.host.home import TwinHome

SESSION_VARIABLE: Final = "BULWARK_TWIN_SESSION_SECONDS"
"""The longest that a session lasts on the twin, whatever was asked for; AWS's shortest is 15 minutes."""

_SHORTEST_SECONDS: Final = 900
_DEFAULT_SECONDS: Final = 3600
_KEPT_AFTER_END: Final = timedelta(days=1)


class Session(AssumedRole):
    """A session that may be made to end early, so that nobody needs to wait for it."""

    def __init__(self, *, duration: int, **given: Any) -> None:
        longest = os.environ.get(SESSION_VARIABLE)
        super().__init__(duration=min(duration, int(longest)) if longest else duration, **given)


def correct_sts() -> None:
    """Make moto use what is here; call it before the first request to STS."""
    models.AssumedRole = Session


def check_assumption(request: Request, principal: Principal) -> None:
    """
    Check a request to STS.

    Raises:
        Refused: where STS would not give out credentials, and for whatever the twin's STS has none of.
    """
    action, arn = request.values.get("Action"), request.values.get("RoleArn", "")
    match action:
        case "GetCallerIdentity":
            return
        case "AssumeRole":
            role = role_of(arn)
            if not _may_assume(role, arn, principal):
                who = principal.session or principal.arn
                raise _denied(f"User: {who} is not authorized to perform: sts:AssumeRole on resource: {arn}")
        case "AssumeRoleWithWebIdentity":
            role = role_of(arn)
            if role is None or not _trusts_token(role, request.values.get("WebIdentityToken", "")):
                raise _denied("Not authorized to perform sts:AssumeRoleWithWebIdentity")
        case _:
            raise Refused(400, "InvalidAction", f"The twin's STS has no action {action}.")
    if any(name.startswith("Policy") for name in request.values):
        raise Refused(400, "ValidationError", "The twin's STS takes no session policies.")
    _check_duration(request.values.get("DurationSeconds", str(_DEFAULT_SECONDS)), role)
    _forget_old_sessions()


def _may_assume(role: Role | None, arn: str, principal: Principal) -> bool:
    if role is None:  # of other accounts the twin knows too little to refuse their roles to its administrator
        return is_administrator(principal) and f"::{ACCOUNT}:" not in arn
    asked = AuthorizationRequest("sts:AssumeRole", arn, principal.context)
    trusted = judge(_trust(role), asked, principal)
    if trusted is not Decision.DELEGATED:
        return trusted is Decision.ALLOWED
    own = [judge(document, asked, principal) for document in documents(principal)]
    return is_administrator(principal) or max(own, default=Decision.NEUTRAL) is Decision.ALLOWED


def _trusts_token(role: Role, token: str) -> bool:
    """
    Tell whether a role trusts the token.

    Raises:
        Refused: for one that no provider of the role's account vouches for.
    """
    try:
        claims = issuer.read(TwinHome.from_environment(), token)
    except ValueError as error:
        code = "ExpiredTokenException" if "expired" in str(error) else "InvalidIdentityToken"
        raise Refused(400, code, f"The web identity token is not valid: {error}") from None
    name = issuer.ISSUER.removeprefix("https://")
    arn = f"arn:aws:iam::{role.account_id}:oidc-provider/{name}"
    provider = iam_backends[role.account_id]["aws"].open_id_providers.get(arn)
    if provider is None:
        message = f"No OpenIDConnect provider found in your account for {issuer.ISSUER}"
        raise Refused(400, "InvalidIdentityToken", message)
    if claims["aud"] not in provider.client_id_list:
        raise Refused(400, "InvalidIdentityToken", "Incorrect token audience")
    context = {f"{name}:{claim}": claims[claim] for claim in ("aud", "sub")}
    asked = AuthorizationRequest("sts:AssumeRoleWithWebIdentity", role.arn, context)
    return judge(_trust(role), asked, Principal("Federated", arn)) is Decision.ALLOWED


def _trust(role: Role) -> str:
    return role.assume_role_policy_document


def _check_duration(given: str, role: Role | None) -> None:
    longest = int(role.max_session_duration or _DEFAULT_SECONDS) if role else _DEFAULT_SECONDS
    if not given.isdigit() or not _SHORTEST_SECONDS <= int(given) <= longest:
        message = f"DurationSeconds must be {_SHORTEST_SECONDS} to {longest} (MaxSessionDuration of the role)"
        raise Refused(400, "ValidationError", message)


def _forget_old_sessions() -> None:
    for account, partitions in sts_backends.items():
        kept: list[AssumedRole] = []
        for session in partitions["aws"].assumed_roles:
            if session.expiration + _KEPT_AFTER_END > utcnow():
                kept.append(session)
            else:
                iam_backends[account]["aws"].access_keys.pop(session.access_key_id, None)
        partitions["aws"].assumed_roles[:] = kept


def _denied(message: str) -> Refused:
    return Refused(403, "AccessDenied", message)
