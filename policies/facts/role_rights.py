"""What a role may do with a bucket or a key: by its policies, its boundary, and the bucket's or key's."""

from collections.abc import Mapping, Sequence
from typing import Final

from policies.facts.buckets import POLICY, Buckets, arn_of
from policies.facts.failure_domain import FailureDomain
from policies.facts.iam_documents import Statement, read_statements
from policies.facts.iam_requests import IamRequest, is_allowed
from policies.facts.iam_roles import arns_of, boundaries
from policies.facts.kms_keys import KmsKeys, arn_of_key
from policies.facts.s3_access import IamIdentities
from policies.framework.messages import Message
from policies.framework.property_values import Absent, Known
from policies.framework.stack import PolicyStack, Resource


class RoleRights:
    """The rights of one role. Requests are by TLS, for the buckets and keys of the stack."""

    def __init__(self, role: Resource, stack: PolicyStack) -> None:
        self._stack = stack
        self.arn: Final = next(iter(arns_of(role)), "arn:aws:iam::unknown:role/unknown")
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
        policies = self._stack.view(Buckets).parts_or_inline(bucket, POLICY, "policy")
        statements = [statement for policy in policies for statement in read_statements(policy)[0]]
        return self._may(action, arn_of(bucket) + key, bucket, statements, {})

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
        everywhere = {
            "aws:principalarn": (self.arn,),
            "aws:principalaccount": (account,),
            "aws:securetransport": ("true",),
            "s3:tlsversion": ("1.3",),
        }
        own = FailureDomain.of(asked, self._stack).account in (Known(account), Absent())
        return is_allowed(
            IamRequest(action, arn, self.arn, {**everywhere, **context}),
            identity=self._statements,
            boundary=self._boundary,
            resource=statements,
            in_own_account=own,
            needs_resource=by_key,
        )
