"""Inputs and outputs of resources that are credentials."""

from collections.abc import Iterable
from functools import cache
from typing import Final, LiteralString

from policies.facts.resource_types import TypeClass, classify, read_secrets, split_token
from policies.framework.stack import Resource

_PROVIDERS: Final = "pulumi:providers:"
_AWS_PROVIDERS: Final = ("accessKey", "secretKey", "token")
_PASSWORD: Final = ("password", "passwordWo")
_MASTER_PASSWORD: Final = ("masterPassword", "masterPasswordWo")

SECRET_INPUTS: Final[dict[str, tuple[LiteralString, ...]]] = {
    "aws:docdb/cluster:Cluster": _MASTER_PASSWORD,
    "aws:elasticache/replicationGroup:ReplicationGroup": ("authToken", "authTokenWo"),
    "aws:elasticache/user:User": ("passwords", "passwordsWo"),
    "aws:iam/serverCertificate:ServerCertificate": ("privateKey",),
    "aws:rds/cluster:Cluster": _MASTER_PASSWORD,
    "aws:rds/instance:Instance": _PASSWORD,
    "aws:redshift/cluster:Cluster": _MASTER_PASSWORD,
    "aws:secretsmanager/secretVersion:SecretVersion": ("secretString", "secretStringWo", "secretBinary"),
    "aws:ssm/parameter:Parameter": ("value", "valueWo"),
    "pulumi:providers:aws": _AWS_PROVIDERS,
    "pulumi:providers:neon": ("apiKey",),
    "pulumi:providers:pagerduty": ("token", "userToken"),
    "pulumi:providers:railway": ("token",),
    "pulumi:providers:sentry": ("token",),
    "pulumi:providers:uptimerobot": ("apiKey",),
    "pulumi:providers:vercel": ("apiToken",),
    "sentry:index/integrationPagerduty:IntegrationPagerduty": ("integrationKey",),
    "uptimerobot:index/integration:Integration": ("value", "customHeaders"),
    "uptimerobot:index/monitor:Monitor": ("httpPassword",),
    "uptimerobot:index/psp:Psp": ("password",),
}
"""Type -> its inputs that hold a credential (from the providers' schemas and documentation)."""

# The tables of packages (policies/types) say the same of every type that their schemas mark.


@cache
def secret_inputs(token: str) -> tuple[str, ...]:
    """Return the inputs of a type that hold a credential."""
    package, name = split_token(token)
    if token.startswith(_PROVIDERS):  # its table is that of the package whose provider it is
        package = token.removeprefix(_PROVIDERS)
    marked = read_secrets(package).get(name, ())
    return tuple(dict.fromkeys((*SECRET_INPUTS.get(token, ()), *marked)))


_WITH_PASSWORD: Final = ("neon:index/role:Role", "pulumi-python:dynamic/bulwark:ApplicationRole")
"""They are no credentials that live on their own (policies/types), and their passwords are some."""


def makes_credential(sources: Iterable[Resource]) -> bool:
    """Tell whether a value is made of a resource that is there for a key, a token or a password."""
    return any(one.type in _WITH_PASSWORD or classify(one.type) is TypeClass.CREDENTIAL for one in sources)


SECRET_OUTPUTS: Final[dict[str, tuple[LiteralString, ...]]] = {
    # With it anybody opens and resolves incidents of the service.
    "pagerduty:index/serviceIntegration:ServiceIntegration": ("integrationKey",),
    # The provider's own key, which is written to the state in clear.
    "pulumi:providers:neon": ("apiKey",),
    "sentry:index/integrationPagerduty:IntegrationPagerduty": ("integrationKey",),
    # Deprecated variants of `dsn`. The schema marks only `dsn` as secret.
    "sentry:index/key:Key": ("dsnPublic", "dsnCsp"),
    # Anyone with a heartbeat's URL can silence its alarm.
    "uptimerobot:index/monitor:Monitor": ("url",),
}
"""Type -> its outputs that hold a credential and are not marked as secret in schemas/*.json."""
