from dataclasses import replace

from case import Case
from policy_harness import UNKNOWN, alter, secret, without

from cases.identity import DEPLOYER

INLINE, ATTACHED = f"{DEPLOYER}-policies", f"{DEPLOYER}-attachments"

CASE = Case(
    rule="role-policies-are-listed",
    at=DEPLOYER,
    weak=(
        lambda s: without(s, INLINE),
        lambda s: without(s, ATTACHED),
        lambda s: alter(s, INLINE, roleName="another"),
    ),
    absent=(lambda s: without(s, INLINE, ATTACHED),),
    # Which role it is follows from what the name is made of.
    unknown=(),
    secret=(lambda s: alter(s, INLINE, roleName=secret("example-deployer")),),
    fine=(
        # Known by what it is made of.
        lambda s: [replace(toy, inputs={"roleName": UNKNOWN}) if toy.name == INLINE else toy for toy in s],
        lambda s: alter(
            without(s, INLINE, ATTACHED),
            DEPLOYER,
            inlinePolicies=[{"name": "deployer", "policy": '{"Statement": []}'}],
            managedPolicyArns=[],
        ),
    ),
)
