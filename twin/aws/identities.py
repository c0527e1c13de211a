"""
The sender of a request: an account's administrator, a role's session, or an anonymous user.

Two kinds of access keys are known: those of the two accounts' administrators, which are secrets of the twin,
and those that STS issued. A request that is signed must be signed with one of them.
"""

import re
from collections.abc import Iterator
from typing import Final

from moto.core.exceptions import ServiceException
from moto.core.utils import utcnow
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.wrappers import Request

from twin.aws.administrator import ACCOUNTS, administrator_key
from twin.aws.errors import JSON_SERVICES, AwsServiceError
from twin.aws.policy import Principal
from twin.aws.signatures import check_signature, read_signature
from twin.host.home import TwinHome

_NOTHING: Final = '{"Version": "2012-10-17", "Statement": []}'
_ROLE: Final = re.compile(r"arn:aws:iam::(\d{12}):role/.+")


def identify(request: Request, service: str) -> Principal:
    """
    Return the principal that sends a request.

    Raises:
        AwsServiceError: the access key does not exist, the signature is not its owner's, the session has
            ended, or the token is not the session's.
    """
    signature = read_signature(request)
    if signature is None:
        return Principal()
    home = TwinHome.from_environment()
    for account in ACCOUNTS:
        administrator = administrator_key(home, account)
        if signature.access_key == administrator.id:
            check_signature(request, signature, administrator.secret, service)
            return _administrator_of(account)
    codes = {"s3": "InvalidAccessKeyId", **dict.fromkeys(JSON_SERVICES, "UnrecognizedClientException")}
    session = next((each for each in _list_sessions() if each.access_key_id == signature.access_key), None)
    if session is None:
        code = codes.get(service, "InvalidClientTokenId")
        raise AwsServiceError(403, code, "The access key that was given does not exist.")
    check_signature(request, signature, session.secret_access_key, service)
    token = request.headers.get("x-amz-security-token") or request.args.get("X-Amz-Security-Token")
    if session.session_token != token:
        code = "InvalidToken" if service == "s3" else codes.get(service, "InvalidClientTokenId")
        raise AwsServiceError(400, code, "The token is malformed or not this access key's.")
    if session.expiration <= utcnow():
        code = "ExpiredTokenException" if service in JSON_SERVICES else "ExpiredToken"
        raise AwsServiceError(400, code, "The token has expired.")
    return Principal("AWS", session.role_arn, session.account_id, session.arn)


def is_administrator(principal: Principal) -> bool:
    return principal.arn.endswith(":root")


def find_role(arn: str) -> Role | None:
    """Return the role with an ARN, in any account; None if there is none."""
    match = _ROLE.fullmatch(arn)
    try:
        return iam_backends[match[1]]["aws"].get_role_by_arn(arn) if match else None
    except ServiceException:
        return None


def list_policies(principal: Principal) -> Iterator[str]:
    """Yield the documents of the role's inline and attached policies; none for other principals."""
    if role := find_role(principal.arn):
        yield from role.policies.values()
        yield from map(_read_document, role.managed_policies.values())


def find_boundary(principal: Principal) -> str:
    """
    Return the document of the role's permissions boundary; empty for a principal without one.

    A boundary whose policy is gone allows nothing.
    """
    role = find_role(principal.arn)
    if role is None or not role.permissions_boundary_arn:
        return ""
    policies = iam_backends[role.account_id]["aws"].managed_policies
    managed = policies.get(role.permissions_boundary_arn)
    return _read_document(managed) if managed else _NOTHING


def _read_document(managed: ManagedPolicy) -> str:
    return next(version.document for version in managed.versions if version.is_default)


def _administrator_of(account: str) -> Principal:
    return Principal("AWS", f"arn:aws:iam::{account}:root", account)


def _list_sessions() -> Iterator[AssumedRole]:
    for partitions in sts_backends.values():
        yield from partitions["aws"].assumed_roles
