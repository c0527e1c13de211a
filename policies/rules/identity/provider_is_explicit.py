"""A resource of a default provider, which takes its credentials from the environment, is refused."""

import re
from collections.abc import Iterable
from typing import Final

from pulumi_policy import Severity

from policies.framework.controls import Control
from policies.framework.messages import Message, message
from policies.framework.rule import Parameter, Parameters, Rule
from policies.framework.stack import PolicyStack, Resource

_DEFAULT: Final = re.compile(r"default(_.*)?")
"""Names of the engine's default providers (pulumi/pulumi, default_providers.go)."""

_WITHOUT_ACCOUNT: Final = Parameter(
    "packages_without_account",
    ["pulumi", "pulumi-nodejs", "pulumi-python", "random", "time", "tls"],
    {"type": "array", "items": {"type": "string"}},
    "packages whose provider needs no credentials, and may be a default one",
    looser="more",
)


def _judge(resource: Resource, _stack: PolicyStack, limits: Parameters) -> Iterable[Message]:
    _, _, provider = resource.provider.rpartition("::")
    if _DEFAULT.fullmatch(provider) and resource.type.partition(":")[0] not in limits[_WITHOUT_ACCOUNT.name]:
        yield message("its provider is a default one, with the credentials and region of whoever deploys")


RULE: Final = Rule(
    id="provider-is-explicit",
    title="Every resource names the provider that it is made with",
    violated="has no provider of its own",
    severity=Severity.MEDIUM,
    risk="A deploy from another shell goes to another account, and makes there what is missing here.",
    fix="Declare a provider and pass it with `provider` or, to a component, `providers`.",
    controls=(Control.NIST_CM_2, Control.ISO_A_8_9, Control.CIS_4_1),
    subjects=lambda stack: [resource for resource in stack.resources if resource.is_custom],
    judge=_judge,
    parameters=(_WITHOUT_ACCOUNT,),
)
