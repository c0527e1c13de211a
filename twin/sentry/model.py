"""Sentry as the twin models it: teams, projects with keys and detectors, and alerts."""

import json
import re
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar

from twin.vendor.errors import VendorError
from twin.vendor.model import Made, VendorModel, matching, merged, only
from twin.vendor.store import Attributes

DETECTORS = ("metricMonitor", "cronMonitor", "uptimeMonitor", "detector")
"""What an alert can name; every project comes with two of the last kind, of type error and issue_stream."""

INTEGRATIONS: dict[str, Attributes] = {
    "501": {"providerKey": "slack", "name": "example"},
    "502": {"providerKey": "pagerduty", "name": "example"},
}
"""Installed in every organization of the twin, as a person would have done in the vendor's web interface."""

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
"""Every project has them; creating one of these kinds sets it."""
_DEEP = frozenset({"filters", "clientSecurity", "javascriptLoaderScript"})
"""Settings of which a request may name a part."""
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


class Sentry(VendorModel):
    """
    Every organization that is named exists. Ids are numbers, as text; that of a key is 32 hex digits.

    Teams and projects go by "organization/slug", ownership and spike protection by that of their project.
    """

    vendor: ClassVar[str] = "sentry"
    secret_name: ClassVar[str] = "sentry_auth_token"  # noqa: S105 - the name under which it is kept

    def _create(self, kind: str, attributes: Attributes, request: str) -> Made:
        with self.store.transaction():
            wanted = merged({}, attributes)
            identifier, made = self._new(kind, wanted)
            self._check(kind, identifier, made)
            self._insert(kind, identifier, made, request)
            if kind == "project":
                self._furnish(made, default_key=wanted.get("defaultKey", True))
        return self._public_id(kind, identifier, made), made

    def confirm(self, kind: str, identifier: str) -> None:
        super().confirm(kind, self._find(kind, identifier) or identifier)

    def read(self, kind: str, identifier: str) -> Attributes | None:
        key = self._find(kind, identifier)
        return None if key is None else self.store.get(self.vendor, kind, key)

    def update(self, kind: str, identifier: str, attributes: Attributes) -> Attributes:
        with self.store.transaction():
            key = self._require(kind, identifier)
            before = self._existing(kind, key)
            changed = _deepened(before, merged(before, attributes))
            self._check(kind, key, changed)
            self.store.replace(self.vendor, kind, key, changed)
            if kind in {"team", "project"}:
                self._rename(kind, before, changed)
        return changed

    def delete(self, kind: str, identifier: str) -> None:
        with self.store.transaction():
            key = self._require(kind, identifier)
            gone = self._existing(kind, key)
            if kind in SETTINGS:
                # A setting cannot go, only back to its default; ownership rules (`raw`) even stay.
                self.store.replace(self.vendor, kind, key, {**gone, **SETTINGS[kind]})
                self.confirm(kind, key)
                return
            self._remove(kind, key)
            self._detach(kind, key, gone)

    def lookup(self, function: str, arguments: Attributes) -> Attributes:
        organization = arguments["organization"]
        match function:
            case "getOrganizationIntegration":
                found = matching(
                    INTEGRATIONS,
                    {"providerKey": arguments["providerKey"], "name": arguments["name"]},
                )
                return {**only(found, "organization integration"), "organization": organization}
            case "getProjectErrorMonitor" | "getProjectIssueStreamMonitor":
                type_ = "error" if "Error" in function else "issue_stream"
                found = self._of_project("detector", {**arguments, "type": type_})
                return {"description": "", "owner": {"teamId": "", "userId": ""}, **found}
            case "getKey":
                return self._of_project("key", arguments)
            case _:
                kind = function.removeprefix("get")
                kind = kind[0].lower() + kind[1:]
                address = f"{organization}/{arguments['slug']}" if "slug" in arguments else arguments["id"]
                key = self._require(kind, address)
                found = {"id": key, **self._existing(kind, key)}
                project = self._project(found)["internalId"] if "project" in found else ""
                return as_data_source(function, found, project, self._teams(found))

    def _of_project(self, kind: str, arguments: Attributes) -> Attributes:
        self._require("project", f"{arguments['organization']}/{arguments['project']}")
        criteria = {name: value for name, value in arguments.items() if name != "first" and value is not None}
        found = matching(self.store.list(self.vendor, kind), criteria)
        return only(found[:1] if arguments.get("first") else found, kind)

    def _teams(self, found: Attributes) -> list[Attributes]:
        slugs = found.get("teams", [])
        return [team for _, team in self._in(found["organization"], "team") if team["slug"] in slugs]

    def _new(self, kind: str, wanted: Attributes) -> tuple[str, Attributes]:
        match kind:
            case "team":
                number = self._number()
                made = {"internalId": number, "teamId": number, "slug": slug(wanted["name"]), **wanted}
                flags = {"hasAccess": True, "isMember": True, "isPending": False}
                return number, {**made, **flags, "id": made["slug"], "sentryTeamId": made["slug"]}
            case "project":
                number = self._number()
                made = {**_PROJECT_DEFAULTS, "slug": slug(wanted["name"]), **wanted, "internalId": number}
                created = datetime.now(UTC).isoformat(timespec="seconds")
                made = {**made, "id": made["slug"], "dateCreated": created}
                return number, _deepened(_PROJECT_DEFAULTS, made)
            case "key":
                public, secret = secrets.token_hex(16), secrets.token_hex(16)
                project = self._project(wanted)
                made = self._key(public, secret, project["internalId"])
                return public, _deepened(made, made | wanted)
            case "projectOwnership" | "projectSpikeProtection":
                address = f"{wanted['organization']}/{wanted['project']}"
                self.store.remove(self.vendor, kind, address)
                # The provider gives ownership no id.
                return address, wanted if kind == "projectOwnership" else {**wanted, "id": address}
            case _:
                number = self._number()
                return number, {**_computed(kind, wanted), **wanted, "id": number}

    def _check(self, kind: str, identifier: str, wanted: Attributes) -> None:
        if kind in {"team", "project"}:
            self._check_slug(kind, identifier, wanted)
        if kind == "project":
            for team in wanted["teams"]:
                self._require("team", f"{wanted['organization']}/{team}")
        elif "project" in wanted:
            self._project(wanted)
        if kind == "alert":
            self._check_alert(wanted)
        if team := (wanted.get("owner") or {}).get("teamId"):
            self._check_team_id(team)
        if kind == "integrationPagerduty" and wanted["integrationId"] not in INTEGRATIONS:
            raise VendorError(404, f"The organization has no integration {wanted['integrationId']}.")

    def _check_slug(self, kind: str, identifier: str, wanted: Attributes) -> None:
        if not _SLUG.fullmatch(wanted["slug"]):
            raise VendorError(400, f"{wanted['slug']!r} is no valid slug.")
        taken = self._find(kind, f"{wanted['organization']}/{wanted['slug']}")
        if taken not in {None, identifier}:
            raise VendorError(409, f"A {kind} with the slug {wanted['slug']!r} exists already.")

    def _check_alert(self, wanted: Attributes) -> None:
        detectors = {id_ for kind in DETECTORS for id_ in self.store.list(self.vendor, kind)}
        unknown = sorted(set(wanted["monitorIds"]) - detectors)
        if unknown:
            raise VendorError(400, f"The organization has no monitor {', '.join(unknown)}.")
        for name, action in _actions(wanted):
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

    def _furnish(self, project: Attributes, *, default_key: bool) -> None:
        """Give a new project what the vendor gives it."""
        owner = {"organization": project["organization"], "project": project["slug"]}
        for type_, name in (("error", "Error Monitor"), ("issue_stream", "Issue Stream Monitor")):
            number = self._number()
            detector = {**owner, "id": number, "type": type_, "name": name, "enabled": True}
            self.store.insert(self.vendor, "detector", number, detector)
        if default_key:
            public = secrets.token_hex(16)
            key = self._key(public, secrets.token_hex(16), project["internalId"])
            self.store.insert(self.vendor, "key", public, {**key, **owner, "name": "Default"})

    def _key(self, public: str, secret: str, project_id: str) -> Attributes:
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

    def _project(self, part: Attributes) -> Attributes:
        return self._existing(
            "project", self._require("project", f"{part['organization']}/{part['project']}")
        )

    def _find(self, kind: str, identifier: str) -> str | None:
        """Return the key in the store of what is addressed."""
        if kind in {"team", "project"}:
            organization, _, wanted = identifier.rpartition("/")
            for key, found in self.store.list(self.vendor, kind).items():
                if (found["organization"], found["slug"]) == (organization, wanted):
                    return key
            return None
        return identifier if self.store.get(self.vendor, kind, identifier) else None

    def _require(self, kind: str, identifier: str) -> str:
        key = self._find(kind, identifier)
        if key is None:
            raise VendorError(404, f"There is no {kind} {identifier}.")
        return key

    def _public_id(self, kind: str, key: str, made: Attributes) -> str:
        return made["slug"] if kind in {"team", "project"} else key

    def _discard(self, kind: str, identifier: str) -> None:
        if found := self.store.get(self.vendor, kind, identifier):
            in_slugs = kind in {"team", "project"}
            self.delete(kind, f"{found['organization']}/{found['slug']}" if in_slugs else identifier)

    def _rename(self, kind: str, before: Attributes, after: Attributes) -> None:
        """Let parts follow a changed slug."""
        old, new = before["slug"], after["slug"]
        if old == new:
            return
        if kind == "team":
            for key, project in self._in(before["organization"], "project"):
                teams = [new if team == old else team for team in project["teams"]]
                self.store.replace(self.vendor, "project", key, {**project, "teams": teams})
            return
        for part in _PROJECT_PARTS:
            for key, found in self._in(before["organization"], part):
                if found["project"] == old:
                    self.store.replace(self.vendor, part, key, {**found, "project": new})

    def _detach(self, kind: str, key: str, gone: Attributes) -> None:
        """Take along what cannot be without the removed object, and take it out of what named it."""
        organization = gone["organization"]
        if kind == "team":
            for id_, project in self._in(organization, "project"):
                teams = [team for team in project["teams"] if team != gone["slug"]]
                self.store.replace(self.vendor, "project", id_, {**project, "teams": teams})
        if kind == "project":
            for part in _PROJECT_PARTS:
                for id_, found in self._in(organization, part):
                    if found["project"] == gone["slug"]:
                        self._remove(part, id_)
                        self._detach(part, id_, found)
        if kind in DETECTORS:
            for id_, alert in self._in(organization, "alert"):
                left = [monitor for monitor in alert["monitorIds"] if monitor != key]
                self.store.replace(self.vendor, "alert", id_, {**alert, "monitorIds": left})

    def _in(self, organization: str, kind: str) -> Iterator[tuple[str, Attributes]]:
        for key, found in self.store.list(self.vendor, kind).items():
            if found["organization"] == organization:
                yield key, found


def slug(name: str) -> str:
    """Make a slug of a name as the vendor does: what is no letter or digit becomes one hyphen."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")[:_SLUG_CHARACTERS]


def _actions(alert: Attributes) -> Iterator[tuple[str, Attributes]]:
    for action_filter in alert["actionFilters"]:
        for action in action_filter["actions"]:
            yield from action.items()


def _computed(kind: str, wanted: Attributes) -> Attributes:
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
            # Not an attribute of the provider, but the address at which check-ins arrive.
            return {"enabled": True, "timezone": "UTC", "slug": slug(wanted["name"])}
        case "uptimeMonitor":
            return {"enabled": True, "headers": {}, "recoveryThreshold": 1, "downtimeThreshold": 3}
        case "alert":
            for action_filter in wanted["actionFilters"]:
                action_filter.setdefault("conditions", [])
            for name, action in _actions(wanted):
                if name == "slack":
                    action.setdefault("channelId", "C" + secrets.token_hex(4).upper())
                    action.setdefault("tags", "")
            return {"enabled": True, "triggerConditions": []}
        case _:
            return {}


def _deepened(before: Attributes, after: Attributes) -> Attributes:
    """Fill the parts of nested settings that a request left out with what was there."""
    return {
        name: {**before.get(name, {}), **value} if name in _DEEP else value for name, value in after.items()
    }


_EMPTY = {"description": "", "environment": "", "owner": None}


def as_data_source(function: str, found: Attributes, project_id: str, teams: list[Attributes]) -> Attributes:
    """Turn a resource's attributes into those of the data source `function`."""
    match function:
        case "getAlert":
            told = {
                "actionFiltersJson": json.dumps(found["actionFilters"]),
                "triggersJson": json.dumps(found["triggerConditions"]),
            }
            hidden = {"actionFilters", "triggerConditions", "legacyTriggerConditions"}
            shown = {name: value for name, value in found.items() if name not in hidden}
            return {"environment": "", **shown, **told}
        case "getProject":
            names = ("id", "internalId", "slug", "name", "organization", "features", "dateCreated")
            members = [{"internalId": t["internalId"], "name": t["name"], "slug": t["slug"]} for t in teams]
            fixed = {"color": "#3fbf7f", "isPublic": False, "subjectTemplate": "$shortID - $title"}
            shown = {name: found[name] for name in names}
            return {**shown, **fixed, "platform": found.get("platform", ""), "teams": members}
        case "getTeam":
            hidden = {"teamId", "sentryTeamId"}
            return {name: value for name, value in found.items() if name not in hidden}
        case _:
            shown = {name: value for name, value in found.items() if name not in {"project", "slug"}}
            return {**_EMPTY, **shown, "projectId": project_id}
