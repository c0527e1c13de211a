"""Translate teams, projects, keys, ownership and integrations between Sentry's JSON and the model."""

from collections.abc import Sequence

from twin.vendor.store import Attributes

_PROJECT_FIELDS = ("name", "slug", "platform", "digestsMinDelay", "digestsMaxDelay", "resolveAge")
_GROUPING_FIELDS = ("fingerprintingRules", "groupingEnhancements", "highlightTags")
_SECURITY_FIELDS = {
    "allowedDomains": "allowedDomains",
    "scrapeJavaScript": "scrapeJavascript",
    "securityToken": "securityToken",
    "securityTokenHeader": "securityTokenHeader",
    "verifySSL": "verifyTlsSsl",
}
_FILTER_OPTIONS = {
    "filters:blacklisted_ips": "blacklistedIps",
    "filters:releases": "releases",
    "filters:error_messages": "errorMessages",
}
_LOADER_FIELDS = {
    "hasPerformance": "performanceMonitoringEnabled",
    "hasReplay": "sessionReplayEnabled",
    "hasDebug": "debugEnabled",
}
_OWNERSHIP_FIELDS = ("raw", "fallthrough", "autoAssignment", "codeownersAutoSync")


def team_to_json(team: Attributes) -> Attributes:
    flags = ("hasAccess", "isMember", "isPending")
    return {
        "id": team["internalId"],
        **{name: team[name] for name in ("slug", "name", *flags)},
    }


def organization_to_json(slug: str) -> Attributes:
    return {"id": slug, "slug": slug, "name": slug, "features": [], "orgRoleList": [], "teamRoleList": []}


def project_from_json(body: Attributes) -> Attributes:
    wanted = {name: body[name] for name in (*_PROJECT_FIELDS, *_GROUPING_FIELDS) if name in body}
    security = {name: body[api] for api, name in _SECURITY_FIELDS.items() if api in body}
    options = body.get("options") or {}
    filters = {
        name: list(filter(None, str(options[api]).split("\n")))
        for api, name in _FILTER_OPTIONS.items()
        if api in options
    }
    if security:
        wanted["clientSecurity"] = security
    if filters:
        wanted["filters"] = filters
    return wanted


def project_to_json(
    project: Attributes, teams: Sequence[Attributes], *, spike_protection_disabled: bool
) -> Attributes:
    filters, security = project["filters"], project["clientSecurity"]
    options = {api: "\n".join(filters[name]) for api, name in _FILTER_OPTIONS.items()}
    return {
        "id": project["internalId"],
        "organization": organization_to_json(project["organization"]),
        **{
            name: project.get(name)
            for name in (*_PROJECT_FIELDS, *_GROUPING_FIELDS, "dateCreated", "features")
        },
        **{api: security[name] for api, name in _SECURITY_FIELDS.items()},
        "teams": [team_to_json(team) for team in teams],
        "options": {**options, "quotas:spike-protection-disabled": spike_protection_disabled},
        "isPublic": False,
    }


def key_from_json(body: Attributes) -> Attributes:
    wanted: Attributes = {"name": body["name"]} if body.get("name") else {}
    if "rateLimit" in body:
        limit = body["rateLimit"] or {"window": 0, "count": 0}
        wanted |= {"rateLimitWindow": limit["window"], "rateLimitCount": limit["count"]}
    loader = {
        name: (body.get("dynamicSdkLoaderOptions") or {}).get(api) for api, name in _LOADER_FIELDS.items()
    }
    loader["browserSdkVersion"] = body.get("browserSdkVersion")
    loader = {name: value for name, value in loader.items() if value is not None}
    return wanted | ({"javascriptLoaderScript": loader} if loader else {})


def key_to_json(key: Attributes) -> Attributes:
    loader = key["javascriptLoaderScript"]
    is_limited = key["rateLimitWindow"] and key["rateLimitCount"]
    limit = {"window": key["rateLimitWindow"], "count": key["rateLimitCount"]}
    return {
        **{name: key[name] for name in ("id", "name", "public", "secret", "dsn")},
        "label": key["name"],
        "projectId": int(key["projectId"]),
        "isActive": True,
        "rateLimit": limit if is_limited else None,
        "browserSdkVersion": loader["browserSdkVersion"],
        "dynamicSdkLoaderOptions": {api: loader[name] for api, name in _LOADER_FIELDS.items()},
    }


def ownership_from_json(body: Attributes) -> Attributes:
    return {name: body[name] for name in _OWNERSHIP_FIELDS if name in body}


def ownership_to_json(ownership: Attributes) -> Attributes:
    return {name: ownership.get(name) for name in _OWNERSHIP_FIELDS} | {"isActive": True}


def integration_to_json(
    identifier: str, integration: Attributes, services: dict[str, Attributes]
) -> Attributes:
    """Return an integration; `services` are its PagerDuty services by id."""
    table = [
        {"id": int(id_), "service": service["service"], "integration_key": service["integrationKey"]}
        for id_, service in services.items()
    ]
    return {
        "id": identifier,
        "name": integration["name"],
        "provider": {"key": integration["providerKey"]},
        "status": "active",
        "organizationIntegrationStatus": "active",
        "configData": {"service_table": table} if integration["providerKey"] == "pagerduty" else {},
    }
