"""Whether a store and a copy, or two copies, can't be taken away by the same one."""

from dataclasses import dataclass

from policies.facts.failure_domain import FailureDomain
from policies.facts.key_authority import find_authorities, have_nobody_in_common
from policies.framework.messages import Message, message, unknown_value
from policies.framework.stack import PolicyStack, Resource


@dataclass(frozen=True)
class Independence:
    """How two holders of the same data are apart. None: that depends on something unknown."""

    other_account: bool | None
    """At another vendor, or in another account of the same one."""

    other_place: bool | None
    """In another cloud or region."""

    other_key: bool | None
    """No account can take away the keys of both."""

    @classmethod
    def of(cls, first: Resource, second: Resource, stack: PolicyStack) -> "Independence":
        here, there = FailureDomain.of(first, stack), FailureDomain.of(second, stack)
        keys = have_nobody_in_common(find_authorities(first, stack), find_authorities(second, stack))
        return cls(here.differs_in_account(there), here.differs_in_place(there), keys)


def judge_independence(store: Resource, copy: Resource, maker: Resource, stack: PolicyStack) -> list[Message]:
    """
    Return what one and the same can take both away by.

    Args:
        store: The store, or the one copy.
        copy: The other copy.
        maker: The job or replication that makes it.
        stack: The stack.
    """
    apart = Independence.of(store, copy, stack)
    problems: list[Message] = []
    if apart.other_account is False:
        problems.append(message("{maker} copies within one account: {copy}", maker=maker, copy=copy))
    if apart.other_place is False:
        problems.append(message("{maker} copies within one region: {copy}", maker=maker, copy=copy))
    if apart.other_key is False:
        problems.append(
            message(
                "{maker} copies to {copy}, whose key the same account can take away", maker=maker, copy=copy
            )
        )
    if not problems and None in (apart.other_account, apart.other_place):
        problems += [unknown_value(one, "failure domain") for one in (store, copy)]
    if not problems and apart.other_key is None:
        problems.append(unknown_value(copy, "authority over the key"))
    return problems
