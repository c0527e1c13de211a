"""Sentry's teams, projects, keys and ownership in words: its API's JSON, from and to the model."""

from collections.abc import Sequence

from twin.vendor.store import Attributes

_PROJECT = ("name", "slug", "platform", "digestsMinDelay", "digestsMaxDelay", "resolveAge")
_PROJECT_MORE = ("fingerprintingRules", "groupingEnhancements", "highlightTags")
_SECURITY = {
    "allowedDomains": "allowedDomains",
    "scrapeJavaScript": "scrapeJavascript",
    "securityToken": "securityToken",
    "securityTokenHeader": "securityTokenHeader",
    "verifySSL": "verifyTlsSsl",
}
_FILTERS = {
    "filters:blacklisted_ips": "blacklistedIps",
    "filters:releases": "releases",
    "filters:error_messages": "errorMessages",
}
_LOADER = {
    "hasPerformance": "performanceMonitoringEnabled",
    "hasReplay": "sessionReplayEnabled",
    "hasDebug": "debugEnabled",
}
_OWNERSHIP = ("raw", "fallthrough", "autoAssignment", "codeownersAutoSync")


def team_to_json(found: Attributes) -> Attributes:
    flags = ("hasAccess", "isMember", "isPending")
    return {
        "id": found["internalId"],
        **{name: found[name] for name in ("slug", "name", *flags)},
    }


def organization_to_json(slug: str) -> Attributes:
    return {"id": slug, "slug": slug, "name": slug, "features": [], "orgRoleList": [], "teamRoleList": []}


def project_from_json(body: Attributes) -> Attributes:
    wanted = {name: body[name] for name in (*_PROJECT, *_PROJECT_MORE) if name in body}
    security = {name: body[api] for api, name in _SECURITY.items() if api in body}
    options = body.get("options") or {}
    filters = {
        name: list(filter(None, str(options[api]).split("\n")))
        for api, name in _FILTERS.items()
        if api in options
    }
    if security:
        wanted["clientSecurity"] = security
    if filters:
        wanted["filters"] = filters
    return wanted


def project_to_json(found: Attributes, teams: Sequence[Attributes], *, spikes_pass: bool) -> Attributes:
    filters, security = found["filters"], found["clientSecurity"]
    options = {api: "\n".join(filters[name]) for api, name in _FILTERS.items()}
    return {
        "id": found["internalId"],
        "organization": organization_to_json(found["organization"]),
        **{name: found.get(name) for name in (*_PROJECT, *_PROJECT_MORE, "dateCreated", "features")},
        **{api: security[name] for api, name in _SECURITY.items()},
        "teams": [team_to_json(team) for team in teams],
        "options": {**options, "quotas:spike-protection-disabled": spikes_pass},
        "isPublic": False,
    }


def key_from_json(body: Attributes) -> Attributes:
    wanted: Attributes = {"name": body["name"]} if body.get("name") else {}
    if "rateLimit" in body:
        limit = body["rateLimit"] or {"window": 0, "count": 0}
        wanted |= {"rateLimitWindow": limit["window"], "rateLimitCount": limit["count"]}
    loader = {name: (body.get("dynamicSdkLoaderOptions") or {}).get(api) for api, name in _LOADER.items()}
    loader["browserSdkVersion"] = body.get("browserSdkVersion")
    loader = {name: value for name, value in loader.items() if value is not None}
    return wanted | ({"javascriptLoaderScript": loader} if loader else {})


def key_to_json(found: Attributes) -> Attributes:
    loader = found["javascriptLoaderScript"]
    limited = found["rateLimitWindow"] and found["rateLimitCount"]
    limit = {"window": found["rateLimitWindow"], "count": found["rateLimitCount"]}
    return {
        **{name: found[name] for name in ("id", "name", "public", "secret", "dsn")},
        "label": found["name"],
        "projectId": int(found["projectId"]),
        "isActive": True,
        "rateLimit": limit if limited else None,
        "browserSdkVersion": loader["browserSdkVersion"],
        "dynamicSdkLoaderOptions": {api: loader[name] for api, name in _LOADER.items()},
    }


def ownership_from_json(body: Attributes) -> Attributes:
    return {name: body[name] for name in _OWNERSHIP if name in body}


def ownership_to_json(found: Attributes) -> Attributes:
    return {name: found.get(name) for name in _OWNERSHIP} | {"isActive": True}


def integration_to_json(identifier: str, found: Attributes, services: dict[str, Attributes]) -> Attributes:
    """`services` are the PagerDuty services that were added to this integration, by id."""
    table = [
        {"id": int(number), "service": one["service"], "integration_key": one["integrationKey"]}
        for number, one in services.items()
    ]
    return {
        "id": identifier,
        "name": found["name"],
        "provider": {"key": found["providerKey"]},
        "status": "active",
        "organizationIntegrationStatus": "active",
        "configData": {"service_table": table} if found["providerKey"] == "pagerduty" else {},
    }
