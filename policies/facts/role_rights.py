"""What a role may do with a bucket or a key: by its policies, its boundary, and the bucket's or key's."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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


class RoleRights:
    """The rights of one role. Requests are by TLS, for the buckets and keys of the stack."""

    def __init__(self, role: Resource, stack: PolicyStack) -> None:
        self._stack = stack
        self.arn: Final = next(iter(arns_of(role)), "arn:aws:iam::unknown:role/unknown")
        self._context: Final = {
            "aws:principalarn": (self.arn,),
            "aws:principalaccount": (self.arn.split(":")[4],),
            "aws:securetransport": ("true",),
            "s3:tlsversion": ("1.3",),
        }
        identity = stack.view(IamIdentities).by_resource.get(role)
        self._statements: Sequence[Statement] = identity.statements if identity else ()
        self._boundary: list[Statement] | None = None
        self.unreadable: Final[list[Message]] = list(identity.unreadable) if identity else []
        """Why some of its policies can't be read: then nothing else here is certain."""
        if bounding := stack.view(boundaries).get(role):
            self._boundary, problems = read_statements(bounding)
            self.unreadable.extend(problems)

    def may_in(self, bucket: Resource, action: str, key: str = "") -> bool:
        """Tell whether it may do something to a bucket, or with a `key` to all objects that begin so."""
        return self._may(action, arn_of(bucket) + key, bucket, self._read_policy(bucket), {})

    def is_kept_from(self, bucket: Resource, action: str, arn: str) -> bool:
        """
        Tell whether a denial or its boundary keeps it from what its own policies allow in a bucket.

        What it may send with a request counts as sent: encryption, a storage class, If-None-Match.
        """
        boundary = self._boundary
        if boundary is not None:
            # It may well allow less than the policies do, which together say what is needed.
            boundary = [
                replace(one, resources=(), not_resources=()) if one.allows else one
                for one in boundary
                if not one.allows or reaches(one, arn_of(bucket))
            ]
        return not is_allowed(
            IamRequest(action, arn, self.arn, self._context),
            identity=list(self._settle(self._statements)),
            boundary=boundary if boundary is None else list(self._settle(boundary)),
            resource=list(self._settle(self._read_policy(bucket))),
            in_own_account=True,
        )

    def _settle(self, statements: Sequence[Statement]) -> Iterator[Statement]:
        """Yield what is allowed under any conditions, and what is denied whatever a request brings along."""
        # Where the jobs of production run, AWS knows of no network, tag or organization.
        known = ("aws:",) if find_production(self._stack) else ()
        for statement in statements:
            if statement.allows:
                yield replace(statement, conditions=())
            elif all(key in self._context or key.startswith(known) for _, key, _ in statement.conditions):
                yield statement

    def _read_policy(self, bucket: Resource) -> list[Statement]:
        policies = self._stack.view(Buckets).parts_or_inline(bucket, POLICY, "policy")
        return [statement for policy in policies for statement in read_statements(policy)[0]]

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


def find_rights(stack: PolicyStack, role: Resource) -> RoleRights:
    """Return the rights of a role, for `stack.view`."""
    return RoleRights(role, stack)
