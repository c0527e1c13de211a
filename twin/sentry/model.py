"""The model of Sentry: teams, projects with keys, detectors and settings, alerts, and integrations."""

import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar, Final

from twin.vendor.errors import VendorError
from twin.vendor.model import CreatedObject, VendorModel, find_matching, merge, require_single
from twin.vendor.store import Attributes

DETECTORS = ("metricMonitor", "cronMonitor", "uptimeMonitor", "detector")
"""The kinds that an alert can name. A project has two of the last kind, of type error and issue_stream."""

INTEGRATIONS: dict[str, Attributes] = {
    "501": {"providerKey": "slack", "name": "example"},
    "502": {"providerKey": "pagerduty", "name": "example"},
}
"""The integrations of every organization. At the vendor a person installs them in the web interface."""

_KNOWN_ORGANIZATION: Final = "example"
"""
Of any other the twin can't know how the workspaces and accounts are called that somebody installed: there an
integration has the name by which it is looked for.
"""

_PROJECT_PARTS = ("key", *DETECTORS, "projectOwnership", "projectSpikeProtection")
_SLUG_CHARACTERS = 50  # source: Sentry API reference, "Create a New Project"
_SLUG = re.compile(rf"(?![0-9]+$)[a-z0-9_-]{{1,{_SLUG_CHARACTERS}}}")
SETTINGS: dict[str, Attributes] = {
    "projectOwnership": {
        "fallthrough": True,
        "autoAssignment": "Auto Assign to Issue Owner",
        "codeownersAutoSync": True,
    },
    "projectSpikeProtection": {"enabled": False},
}
"""The settings that every project has, with their defaults. Creating one of these kinds changes it."""
_NESTED_SETTINGS = frozenset({"filters", "clientSecurity", "javascriptLoaderScript"})
"""Nested settings, of which a request may name a part."""
_PROJECT_DEFAULTS: Attributes = {
    "features": [],
    "digestsMinDelay": 300,
    "digestsMaxDelay": 1800,
    "resolveAge": 0,
    "filters": {"blacklistedIps": [], "releases": [], "errorMessages": []},
    "fingerprintingRules": "",
    "groupingEnhancements": "",
    "clientSecurity": {
        "allowedDomains": ["*"],
        "scrapeJavascript": True,
        "securityToken": "",
        "securityTokenHeader": "",
        "verifyTlsSsl": False,
    },
    "highlightTags": ["handled", "level"],
}
_DETECTOR_DEFAULTS: Attributes = {"description": "", "environment": "", "owner": None}


class Sentry(VendorModel):
    """
    Every organization that a request names exists.

    Ids are numbers, as text; the id of a key has 32 hex digits. A team or project is addressed by
    "organization/slug", ownership and spike protection by the address of their project.
    """

    vendor: ClassVar[str] = "sentry"
    secret_name: ClassVar[str] = "SENTRY_AUTH_TOKEN"  # noqa: S105 - the name under which it is kept

    def _create(self, kind: str, attributes: Attributes, request: str) -> CreatedObject:
        with self.store.transaction():
            wanted = merge({}, attributes)
            identifier, created = self._build_object(kind, wanted)
            self._check(kind, identifier, created)
            self._insert(kind, identifier, created, request)
            if kind == "project":
                self._add_default_parts(created, default_key=wanted.get("defaultKey", True))
        return self._public_id(kind, identifier, created), created

    def confirm(self, kind: str, identifier: str) -> None:
        super().confirm(kind, self._find_id(kind, identifier) or identifier)

    def read(self, kind: str, identifier: str) -> Attributes | None:
        stored_id = self._find_id(kind, identifier)
        return None if stored_id is None else self.store.get(self.vendor, kind, stored_id)

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        with self.store.transaction():
            stored_id = self._require_id(kind, identifier)
            before = self._require_object(kind, stored_id)
            changed = _merge_nested(before, merge(before, attributes))
            self._check(kind, stored_id, changed)
            self.store.replace(self.vendor, kind, stored_id, changed)
            if kind in {"team", "project"}:
                self._rename_references(kind, before, changed)
        return changed

    def delete(self, kind: str, identifier: str) -> None:
        with self.store.transaction():
            stored_id = self._require_id(kind, identifier)
            removed = self._require_object(kind, stored_id)
            if kind in SETTINGS:
                # A setting can't be deleted, only reset to its default; ownership rules (`raw`) even stay.
                self.store.replace(self.vendor, kind, stored_id, {**removed, **SETTINGS[kind]})
                self.confirm(kind, stored_id)
                return
            self._remove(kind, stored_id)
            self._remove_dependents(kind, stored_id, removed)

    def read_data_source(self, function: str, arguments: Attributes) -> Attributes:
        organization = arguments["organization"]
        match function:
            case "getOrganizationIntegration":
                names = ("providerKey", "name") if organization == _KNOWN_ORGANIZATION else ("providerKey",)
                matches = find_matching(INTEGRATIONS, {name: arguments[name] for name in names})
                installed = require_single(matches, "organization integration")
                return {**installed, "name": arguments["name"], "organization": organization}
            case "getProjectErrorMonitor" | "getProjectIssueStreamMonitor":
                type_ = "error" if "Error" in function else "issue_stream"
                detector = self._find_in_project("detector", {**arguments, "type": type_})
                return {"description": "", "owner": {"teamId": "", "userId": ""}, **detector}
            case "getKey":
                return self._find_in_project("key", arguments)
            case _:
                kind = function.removeprefix("get")
                kind = kind[0].lower() + kind[1:]
                address = f"{organization}/{arguments['slug']}" if "slug" in arguments else arguments["id"]
                stored_id = self._require_id(kind, address)
                resource = {"id": stored_id, **self._require_object(kind, stored_id)}
                project_id = self._require_project(resource)["internalId"] if "project" in resource else ""
                return to_data_source(function, resource, project_id, self._list_teams(resource))

    def _find_in_project(self, kind: str, arguments: Attributes) -> Attributes:
        self._require_id("project", f"{arguments['organization']}/{arguments['project']}")
        criteria = {name: value for name, value in arguments.items() if name != "first" and value is not None}
        matches = find_matching(self.store.list(self.vendor, kind), criteria)
        return require_single(matches[:1] if arguments.get("first") else matches, kind)

    def _list_teams(self, resource: Attributes) -> list[Attributes]:
        slugs = resource.get("teams", [])
        return [team for _, team in self._list_in(resource["organization"], "team") if team["slug"] in slugs]

    def _build_object(self, kind: str, wanted: Attributes) -> tuple[str, Attributes]:
        match kind:
            case "team":
                number = self._next_id()
                team = {"internalId": number, "teamId": number, "slug": make_slug(wanted["name"]), **wanted}
                flags = {"hasAccess": True, "isMember": True, "isPending": False}
                return number, {**team, **flags, "id": team["slug"], "sentryTeamId": team["slug"]}
            case "project":
                number = self._next_id()
                project = {
                    **_PROJECT_DEFAULTS,
                    "slug": make_slug(wanted["name"]),
                    **wanted,
                    "internalId": number,
                    "dateCreated": datetime.now(UTC).isoformat(timespec="seconds"),
                }
                return number, _merge_nested(_PROJECT_DEFAULTS, {**project, "id": project["slug"]})
            case "key":
                public, secret = secrets.token_hex(16), secrets.token_hex(16)
                project = self._require_project(wanted)
                key = self._build_key(public, secret, project["internalId"])
                return public, _merge_nested(key, key | wanted)
            case "projectOwnership" | "projectSpikeProtection":
                address = f"{wanted['organization']}/{wanted['project']}"
                self.store.remove(self.vendor, kind, address)
                # The provider's ownership resource has no id.
                return address, wanted if kind == "projectOwnership" else {**wanted, "id": address}
            case _:
                number = self._next_id()
                created = {**_computed_defaults(kind, wanted), **wanted, "id": number}
                return number, created | (self._choose_slug(created) if kind == "cronMonitor" else {})

    def _choose_slug(self, monitor: Attributes) -> Attributes:
        """
        Return the slug of a cron monitor: that of its name, with an end of its own where it is taken.

        Source: getsentry/sentry, src/sentry/db/models/utils.py, slugify_instance.
        """
        slug = make_slug(monitor["name"])
        taken = {other["slug"] for _, other in self._list_in(monitor["organization"], "cronMonitor")}
        return {"slug": f"{slug}-{secrets.token_hex(2)}" if slug in taken else slug}

    def _check(self, kind: str, identifier: str, wanted: Attributes) -> None:
        if kind in {"team", "project"}:
            self._check_slug(kind, identifier, wanted)
        if kind == "project":
            for team in wanted["teams"]:
                self._require_id("team", f"{wanted['organization']}/{team}")
        elif "project" in wanted:
            self._require_project(wanted)
        if kind == "alert":
            self._check_alert(wanted)
        if team := (wanted.get("owner") or {}).get("teamId"):
            self._check_team_id(team)
        if kind == "integrationPagerduty" and wanted["integrationId"] not in INTEGRATIONS:
            raise VendorError(404, f"The organization has no integration {wanted['integrationId']}.")

    def _check_slug(self, kind: str, identifier: str, wanted: Attributes) -> None:
        if not _SLUG.fullmatch(wanted["slug"]):
            raise VendorError(400, f"{wanted['slug']!r} is no valid slug.")
        taken = self._find_id(kind, f"{wanted['organization']}/{wanted['slug']}")
        if taken not in {None, identifier}:
            raise VendorError(409, f"A {kind} with the slug {wanted['slug']!r} exists already.")

    def _check_alert(self, wanted: Attributes) -> None:
        detectors = {id_ for kind in DETECTORS for id_ in self.store.list(self.vendor, kind)}
        unknown = sorted(set(wanted["monitorIds"]) - detectors)
        if unknown:
            raise VendorError(400, f"The organization has no monitor {', '.join(unknown)}.")
        for name, action in _list_actions(wanted):
            if name in {"slack", "pagerduty"}:
                installed = INTEGRATIONS.get(action["integrationId"], {})
                if installed.get("providerKey") != name:
                    raise VendorError(
                        400, f"The organization has no {name} integration {action['integrationId']}."
                    )
            if name == "pagerduty" and not self.store.get(
                self.vendor, "integrationPagerduty", action["serviceId"]
            ):
                raise VendorError(400, f"The pagerduty integration has no service {action['serviceId']}.")
            if name == "email" and action["targetType"] == "team":
                self._check_team_id(action["targetId"])

    def _check_team_id(self, identifier: str) -> None:
        if self.store.get(self.vendor, "team", identifier) is None:
            raise VendorError(400, f"The organization has no team with the internal id {identifier}.")

    def _add_default_parts(self, project: Attributes, *, default_key: bool) -> None:
        """Add the detectors and the key that the vendor creates with a project."""
        owner = {"organization": project["organization"], "project": project["slug"]}
        for type_, name in (("error", "Error Monitor"), ("issue_stream", "Issue Stream Monitor")):
            number = self._next_id()
            detector = {**owner, "id": number, "type": type_, "name": name, "enabled": True}
            self.store.insert(self.vendor, "detector", number, detector)
        if default_key:
            public = secrets.token_hex(16)
            key = self._build_key(public, secrets.token_hex(16), project["internalId"])
            self.store.insert(self.vendor, "key", public, {**key, **owner, "name": "Default"})

    def _build_key(self, public: str, secret: str, project_id: str) -> Attributes:
        host = f"127.0.0.1:{self.home.port('vendors')}"
        base = f"http://{host}/api/{project_id}"
        dsn = {
            "public": f"http://{public}@{host}/{project_id}",
            "secret": f"http://{public}:{secret}@{host}/{project_id}",
            "csp": f"{base}/csp-report/?sentry_key={public}",
            "security": f"{base}/security/?sentry_key={public}",
            "minidump": f"{base}/minidump/?sentry_key={public}",
            "nel": f"{base}/nel/?sentry_key={public}",
            "unreal": f"{base}/unreal/{public}/",
            "cdn": f"http://{host}/js-sdk-loader/{public}.min.js",
            "crons": f"{base}/cron/___MONITOR_SLUG___/{public}/",
        }
        return {
            "id": public,
            "public": public,
            "secret": secret,
            "projectId": project_id,
            "dsn": dsn,
            "dsnPublic": dsn["public"],
            "dsnSecret": dsn["secret"],
            "dsnCsp": dsn["csp"],
            "rateLimitWindow": 0,
            "rateLimitCount": 0,
            "javascriptLoaderScript": {
                "browserSdkVersion": "10.x",
                "performanceMonitoringEnabled": True,
                "sessionReplayEnabled": True,
                "debugEnabled": False,
            },
        }

    def _require_project(self, part: Attributes) -> Attributes:
        return self._require_object(
            "project", self._require_id("project", f"{part['organization']}/{part['project']}")
        )

    def _find_id(self, kind: str, identifier: str) -> str | None:
        """Return the id in the store of the object at an address, None if there is none."""
        if kind in {"team", "project"}:
            organization, _, slug = identifier.rpartition("/")
            for stored_id, stored in self.store.list(self.vendor, kind).items():
                if (stored["organization"], stored["slug"]) == (organization, slug):
                    return stored_id
            return None
        return identifier if self.store.get(self.vendor, kind, identifier) else None

    def _require_id(self, kind: str, identifier: str) -> str:
        stored_id = self._find_id(kind, identifier)
        if stored_id is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return stored_id

    def _public_id(self, kind: str, stored_id: str, created: Attributes) -> str:
        return created["slug"] if kind in {"team", "project"} else stored_id

    def _discard(self, kind: str, identifier: str) -> None:
        if stored := self.store.get(self.vendor, kind, identifier):
            by_slug = kind in {"team", "project"}
            self.delete(kind, f"{stored['organization']}/{stored['slug']}" if by_slug else identifier)

    def _rename_references(self, kind: str, before: Attributes, after: Attributes) -> None:
        """Write a changed slug into the objects that name the team or project."""
        old, new = before["slug"], after["slug"]
        if old == new:
            return
        if kind == "team":
            for stored_id, project in self._list_in(before["organization"], "project"):
                teams = [new if team == old else team for team in project["teams"]]
                self.store.replace(self.vendor, "project", stored_id, {**project, "teams": teams})
            return
        for part in _PROJECT_PARTS:
            for stored_id, dependent in self._list_in(before["organization"], part):
                if dependent["project"] == old:
                    self.store.replace(self.vendor, part, stored_id, {**dependent, "project": new})

    def _remove_dependents(self, kind: str, stored_id: str, removed: Attributes) -> None:
        """Remove the parts of a removed project, and the removed object from the objects that name it."""
        organization = removed["organization"]
        if kind == "team":
            for id_, project in self._list_in(organization, "project"):
                teams = [team for team in project["teams"] if team != removed["slug"]]
                self.store.replace(self.vendor, "project", id_, {**project, "teams": teams})
        if kind == "project":
            for part in _PROJECT_PARTS:
                for id_, dependent in self._list_in(organization, part):
                    if dependent["project"] == removed["slug"]:
                        self._remove(part, id_)
                        self._remove_dependents(part, id_, dependent)
        if kind in DETECTORS:
            for id_, alert in self._list_in(organization, "alert"):
                left = [monitor for monitor in alert["monitorIds"] if monitor != stored_id]
                self.store.replace(self.vendor, "alert", id_, {**alert, "monitorIds": left})

    def _list_in(self, organization: str, kind: str) -> Iterator[tuple[str, Attributes]]:
        for stored_id, stored in self.store.list(self.vendor, kind).items():
            if stored["organization"] == organization:
                yield stored_id, stored


def make_slug(name: str) -> str:
    """Return the vendor's slug of a name: other characters than letters, digits and _ become one hyphen."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:_SLUG_CHARACTERS]


def _list_actions(alert: Attributes) -> Iterator[tuple[str, Attributes]]:
    for action_filter in alert["actionFilters"]:
        for action in action_filter["actions"]:
            yield from action.items()


def _computed_defaults(kind: str, wanted: Attributes) -> Attributes:
    match kind:
        case "metricMonitor":
            return {
                "enabled": True,
                "query": "",
                "queryType": "error" if wanted["dataset"] == "events" else "performance",
                "timeWindowSeconds": 3600,
                "extrapolationMode": "unknown",
            }
        case "cronMonitor":
            return {"enabled": True, "timezone": "UTC"}
        case "uptimeMonitor":
            return {"enabled": True, "headers": {}, "recoveryThreshold": 1, "downtimeThreshold": 3}
        case "alert":
            for action_filter in wanted["actionFilters"]:
                action_filter.setdefault("conditions", [])
            for name, action in _list_actions(wanted):
                if name == "slack":
                    action.setdefault("channelId", "C" + secrets.token_hex(4).upper())
                    action.setdefault("tags", "")
            return {"enabled": True, "triggerConditions": []}
        case _:
            return {}


def _merge_nested(before: Attributes, after: Attributes) -> Attributes:
    """Return `after` with nested settings completed: the parts that a request left out come from `before`."""
    return {
        name: {**before.get(name, {}), **value} if name in _NESTED_SETTINGS else value
        for name, value in after.items()
    }


def to_data_source(
    function: str, resource: Attributes, project_id: str, teams: list[Attributes]
) -> Attributes:
    """Turn a resource's attributes into those of the data source `function`."""
    match function:
        case "getAlert":
            as_text = {
                "actionFiltersJson": json.dumps(resource["actionFilters"]),
                "triggersJson": json.dumps(resource["triggerConditions"]),
            }
            hidden = {"actionFilters", "triggerConditions", "legacyTriggerConditions"}
            shown = {name: value for name, value in resource.items() if name not in hidden}
            return {"environment": "", **shown, **as_text}
        case "getProject":
            names = ("id", "internalId", "slug", "name", "organization", "features", "dateCreated")
            members = [{name: team[name] for name in ("internalId", "name", "slug")} for team in teams]
            fixed = {"color": "#3fbf7f", "isPublic": False, "subjectTemplate": "$shortID - $title"}
            shown = {name: resource[name] for name in names}
            return {**shown, **fixed, "platform": resource.get("platform", ""), "teams": members}
        case "getTeam":
            hidden = {"teamId", "sentryTeamId"}
            return {name: value for name, value in resource.items() if name not in hidden}
        case _:
            shown = {name: value for name, value in resource.items() if name not in {"project", "slug"}}
            return {**_DETECTOR_DEFAULTS, **shown, "projectId": project_id}
