"""Security headers: what Helmet sets for an Express application."""

from readiness.check import ReadinessCheck
from readiness.checks.headers import (
    agent_cluster,
    content_security_policy,
    content_sniffing,
    cross_domain_policies,
    dns_prefetch,
    download_options,
    embedder_policy,
    framing,
    opener_policy,
    referrer_policy,
    resource_policy,
    software_names,
    strict_transport,
    xss_filter,
)

CHECKS: tuple[ReadinessCheck, ...] = (
    content_security_policy.CHECK,
    strict_transport.CHECK,
    content_sniffing.CHECK,
    framing.CHECK,
    opener_policy.CHECK,
    resource_policy.CHECK,
    embedder_policy.CHECK,
    referrer_policy.CHECK,
    agent_cluster.CHECK,
    dns_prefetch.CHECK,
    download_options.CHECK,
    cross_domain_policies.CHECK,
    xss_filter.CHECK,
    software_names.CHECK,
)
