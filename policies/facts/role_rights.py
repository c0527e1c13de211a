"""What a role may do with a bucket or a key: by its policies, its boundary, and the bucket's or key's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from policies.facts.buckets import POLICY, Buckets, arn_of
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import Statement, read_statements
from policies.facts.iam_requests import IamRequest, is_allowed
from policies.facts.iam_roles import arns_of, boundaries
from policies.facts.kms_keys import KmsKeys, arn_of_key
from policies.facts.s3_access import IamIdentities, reaches
from policies.framework.closing_rules import find_production
from policies.framework.messages import Message
from policies.framework.property_values import Absent, Known
from policies.framework.stack import PolicyStack, Resource

_PRINCIPAL: Final = "aws:principalarn"
_ACCOUNT: Final = "aws:principalaccount"
_BY_TLS: Final = "aws:securetransport"
_TLS_VERSION: Final = "s3:tlsversion"
_OF_EVERY_REQUEST: Final = frozenset((_PRINCIPAL, _ACCOUNT, _BY_TLS, _TLS_VERSION))


class RoleRights:
    """The rights of one role. Requests are by TLS, for the buckets and keys of the stack."""

    def __init__(self, role: Resource, stack: PolicyStack) -> None:
        self._stack = stack
        self.arn: Final = next(iter(arns_of(role)), "arn:aws:iam::unknown:role/unknown")
        self._context: Final = {
            _PRINCIPAL: (self.arn,),
            _ACCOUNT: (self.arn.split(":")[4],),
            _BY_TLS: ("true",),
            _TLS_VERSION: ("1.3",),
        }
        identity = stack.view(IamIdentities).by_resource.get(role)
        self._statements: Sequence[Statement] = identity.statements if identity else ()
        self._boundary: list[Statement] | None = None
        self._settled_boundaries: dict[str, list[Statement]] = {}
        self.unreadable: Final[list[Message]] = list(identity.unreadable) if identity else []
        """Why some of its policies can't be read: then nothing else here is certain."""
        if bounding := stack.view(boundaries).get(role):
            self._boundary, problems = read_statements(bounding)
            self.unreadable.extend(problems)

    def may_in(self, bucket: Resource, action: str, key: str = "") -> bool:
        """Tell whether it may do something to a bucket, or with a `key` to all objects that begin so."""
        policy = _read_policies(self._stack, bucket)
        return self._may(action, arn_of(bucket) + key, bucket, policy, {})

    def is_kept_from(self, bucket: Resource, action: str, arn: str) -> bool:
        """
        Tell whether a denial or its boundary keeps it from what its own policies allow in a bucket.

        What it may send with a request counts as sent: encryption, a storage class, If-None-Match.
        """
        return not is_allowed(
            IamRequest(action, arn, self.arn, self._context),
            identity=self._settled,
            boundary=self._settle_boundary(arn_of(bucket)),
            resource=self._stack.view(_settle_policies, bucket),
            in_own_account=True,
        )

    @cached_property
    def _settled(self) -> list[Statement]:
        return list(_settle(self._statements, self._stack))

    def _settle_boundary(self, bucket_arn: str) -> list[Statement] | None:
        if self._boundary is None:
            return None
        if bucket_arn not in self._settled_boundaries:
            # It may well allow less than the policies do, which together say what is needed.
            reaching = (
                replace(one, resources=(), not_resources=()) if one.allows else one
                for one in self._boundary
                if not one.allows or reaches(one, bucket_arn)
            )
            self._settled_boundaries[bucket_arn] = list(_settle(reaching, self._stack))
        return self._settled_boundaries[bucket_arn]

    def may_use(self, key: Resource, action: str, bucket: Resource) -> bool:
        """Tell whether it may do something with a key, through S3, for the objects of a bucket."""
        keys = self._stack.view(KmsKeys)
        statements = [
            statement for policy in keys.policies_of(key) or [key] for statement in read_statements(policy)[0]
        ]
        region = FailureDomain.of(key, self._stack).region
        context = {
            "kms:viaservice": (f"s3.{region.value if isinstance(region, Known) else ''}.amazonaws.com",),
            "kms:resourcealiases": tuple(keys.aliases_of(key)),
            "kms:calleraccount": (self.arn.split(":")[4],),
            "kms:encryptioncontext:aws:s3:arn": (arn_of(bucket),),
        }
        return self._may(action, arn_of_key(key, self._stack), key, statements, context, by_key=True)

    def _may(
        self,
        action: str,
        arn: str,
        asked: Resource,
        statements: Sequence[Statement],
        context: Mapping[str, tuple[str, ...]],
        *,
        by_key: bool = False,
    ) -> bool:
        account = self.arn.split(":")[4]
        own = FailureDomain.of(asked, self._stack).account in (Known(account), Absent())
        return is_allowed(
            IamRequest(action, arn, self.arn, {**self._context, **context}),
            identity=self._statements,
            boundary=self._boundary,
            resource=statements,
            in_own_account=own,
            needs_resource=by_key,
        )


def _settle_policies(stack: PolicyStack, bucket: Resource) -> list[Statement]:
    return list(_settle(_read_policies(stack, bucket), stack))


def _read_policies(stack: PolicyStack, bucket: Resource) -> list[Statement]:
    policies = stack.view(Buckets).parts_or_inline(bucket, POLICY, "policy")
    return [statement for policy in policies for statement in read_statements(policy)[0]]


def _settle(statements: Iterable[Statement], stack: PolicyStack) -> Iterator[Statement]:
    """Yield what is allowed under any conditions, and what is denied whatever a request brings along."""
    # Where the jobs of production run, AWS knows of no network, tag or organization.
    known = ("aws:",) if find_production(stack) else ()
    for statement in statements:
        if statement.allows:
            yield replace(statement, conditions=())
        elif all(key in _OF_EVERY_REQUEST or key.startswith(known) for _, key, _ in statement.conditions):
            yield statement


def find_rights(stack: PolicyStack, role: Resource) -> RoleRights:
    """Return the rights of a role, for `stack.view`."""
    return RoleRights(role, stack)
