"""What credentials look like, and which inputs and outputs are credentials whatever they look like."""

import re
from typing import Final, LiteralString

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
    "pulumi:providers:sentry": ("token",),
    "pulumi:providers:uptimerobot": ("apiKey",),
    "sentry:index/integrationPagerduty:IntegrationPagerduty": ("integrationKey",),
    "uptimerobot:index/integration:Integration": ("value", "customHeaders"),
    "uptimerobot:index/monitor:Monitor": ("httpPassword",),
    "uptimerobot:index/psp:Psp": ("password",),
}
"""Type -> its inputs that hold a credential (the providers' own schemas and documentation)."""

SECRET_OUTPUTS: Final[dict[str, tuple[LiteralString, ...]]] = {
    # The provider's own key, written to the state as it is.
    "pulumi:providers:neon": ("apiKey",),
    "sentry:index/integrationPagerduty:IntegrationPagerduty": ("integrationKey",),
    # The deprecated twins of `dsn`, which the schema does hide.
    "sentry:index/key:Key": ("dsnPublic", "dsnCsp"),
    # Whoever knows a heartbeat's address can silence its alarm.
    "uptimerobot:index/monitor:Monitor": ("url",),
}
"""Type -> its outputs that hold a credential, and that schemas/*.json leave in clear."""

_FORMS: Final[tuple[tuple[LiteralString, str], ...]] = (
    ("an AWS access key", r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
    ("a private key", r"-----BEGIN (?:[A-Z]+ ){0,3}PRIVATE KEY-----"),
    ("an address with a password", r"://[^\s/?#:@]*:[^\s/?#@]+@"),
    ("a Slack token", r"\bxox[a-z]-[0-9A-Za-z-]{10}"),
    ("a Slack webhook", r"\bhooks\.slack\.com/[a-z]+/T[0-9A-Za-z]+/"),
    ("a Discord webhook", r"\bdiscord(?:app)?\.com/api/webhooks/[0-9]+/"),
    ("a GitHub token", r"\b(?:gh[opsur]_[0-9A-Za-z]{36}|github_pat_[0-9A-Za-z_]{22})"),
    ("a GitLab token", r"\bglpat-[0-9A-Za-z_-]{20}"),
    ("a Stripe key", r"\b(?:[rs]k_live_|whsec_)[0-9A-Za-z]{16}"),
    ("a Sentry token", r"\bsntry[a-z]_[0-9A-Za-z+/=_-]{32}"),
    ("a Neon key", r"\bnapi_[0-9a-z]{32}"),
    ("an UptimeRobot key", r"\b(?:ur|u|m)[0-9]{4,}-[0-9a-f]{20}"),
    ("an UptimeRobot heartbeat", r"\bheartbeat\.uptimerobot\.com/\w+-\w"),
    ("a Pulumi token", r"\bpul-[0-9a-f]{40}\b"),
    ("a Google key", r"\bAIza[0-9A-Za-z_-]{35}"),
    ("a signed token", r"\beyJ[0-9A-Za-z_-]{10,400}\.eyJ[0-9A-Za-z_-]{10}"),
)
"""What it is, and how the vendor's credentials of that kind start."""

_ANY: Final = re.compile("|".join(f"({form})" for _, form in _FORMS))


def form_of(text: str) -> LiteralString | None:
    """Return which kind of credential a text holds, by its form alone; None for any other text."""
    found = _ANY.search(text)
    return _FORMS[found.lastindex - 1][0] if found and found.lastindex else None
