"""How Sentry's objects look through the provider's data sources, which name some things differently."""

import json

from local.vendors.store import Attributes

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
