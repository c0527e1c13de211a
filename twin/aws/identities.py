"""
Who asks: the account's administrator, a role's session, or nobody known.

Whoever uses an access key that STS did not give out is the administrator; the engine's provider is one.
Signatures are not checked; the token of a session is, and whether it has ended.
"""

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote

from moto.core.exceptions import ServiceException
from moto.core.utils import utcnow
from moto.iam.models import Role, iam_backends
from moto.sts.models import AssumedRole, sts_backends
from werkzeug.wrappers import Request

from twin.aws.policy import Principal

ACCOUNT: Final = "123456789012"
"""The twin's own account, moto's default. Of others it knows no roles but those that were made here."""

_ROLE: Final = re.compile(r"arn:aws:iam::(\d{12}):role/.+")


class Refused(Exception):  # noqa: N818 - an answer, not a defect
    """A request that AWS would answer with this error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def identified(request: Request, service: str) -> Principal:
    """
    Tell who asks.

    Raises:
        Refused: for a session that there is not, that has ended, or whose token is not its own.
    """
    key, _ = scope(request)
    if not key:
        return Principal()
    if not key.startswith("ASIA"):
        return _administrator(ACCOUNT)
    unknown = {"s3": "InvalidAccessKeyId", "kms": "UnrecognizedClientException"}
    session = next((one for one in _sessions() if one.access_key_id == key), None)
    if session is None:
        code = unknown.get(service, "InvalidClientTokenId")
        raise Refused(403, code, "The access key that was given does not exist.")
    token = request.headers.get("x-amz-security-token") or request.args.get("X-Amz-Security-Token")
    if session.session_token != token:
        code = "InvalidToken" if service == "s3" else unknown.get(service, "InvalidClientTokenId")
        raise Refused(400, code, "The token is malformed or not this access key's.")
    if session.expiration <= utcnow():
        code = "ExpiredTokenException" if service == "kms" else "ExpiredToken"
        raise Refused(400, code, "The token has expired.")
    if session.account_id != ACCOUNT and role_of(session.role_arn) is None:
        return _administrator(session.account_id)
    return Principal("AWS", session.role_arn, session.account_id, session.arn)


def is_administrator(principal: Principal) -> bool:
    return principal.arn.endswith(":root")


def scope(request: Request) -> tuple[str, str]:
    """Return the access key and the region of a signature, in a header or (presigned) in the query."""
    header = request.headers.get("authorization", "")
    given = request.args.get("X-Amz-Credential") or header.partition("Credential=")[2].partition(",")[0]
    if given:
        key, _, region, *_ = [*unquote(given).split("/"), "", ""]
        return key, region
    return request.args.get("AWSAccessKeyId") or header.removeprefix("AWS ").partition(":")[0], "us-east-1"


def role_of(arn: str) -> Role | None:
    """Return the role of that ARN, in whatever account."""
    found = _ROLE.fullmatch(arn)
    try:
        return iam_backends[found[1]]["aws"].get_role_by_arn(arn) if found else None
    except ServiceException:
        return None


def documents(principal: Principal) -> Iterator[str]:
    """Yield the policies of the principal's role: its own, and those attached to it."""
    if role := role_of(principal.arn):
        yield from role.policies.values()
        for managed in role.managed_policies.values():
            yield next(version.document for version in managed.versions if version.is_default)


def _administrator(account: str) -> Principal:
    return Principal("AWS", f"arn:aws:iam::{account}:root", account)


def _sessions() -> Iterator[AssumedRole]:
    for partitions in sts_backends.values():
        yield from partitions["aws"].assumed_roles
