"""What may exist at Vercel: environment variables of a project, which refuses a second one of a name."""

from collections.abc import Iterator
from typing import Final

from cli.adoption.finding import ResourceKind, VendorObject, Vendors
from live.declared import StateResource, inputs_of
from live.vercel import VercelVariable, list_variables


def _list_variables(vendors: Vendors, resource: StateResource) -> Iterator[VendorObject]:
    """Yield the variables of the declared one's project that would be in its way."""
    inputs = inputs_of(resource)
    project, team = str(inputs.get("projectId")), inputs.get("teamId")
    environments: set[str] = set(inputs.get("targets") or ())
    for variable in vendors.ask_once(
        ("variables", project), lambda: list_variables(vendors.apis.vercel, project, team)
    ):
        if variable.environments & environments and not variable.branch:
            fields = {"key": variable.key, "sensitive": variable.type == "sensitive"}
            import_id = "/".join(part for part in (team, project, variable.id) if part)
            yield VendorObject(variable.id, fields, import_id, _find_loss(variable, environments))


def _find_loss(variable: VercelVariable, environments: set[str]) -> str:
    """Return why it can't be taken over: `up` would take it away from other deployments."""
    others = sorted(variable.environments - environments)
    if not others:
        return ""
    return (
        f"it is for {' and '.join(others)} as well, which `up` would take it away from: give them one of "
        "their own, and leave this one to the declared deployments."
    )


KINDS: Final = (
    # The value of a sensitive one can't be read: the next `up` writes the declared one over it.
    ResourceKind(
        "vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable",
        "variable",
        _list_variables,
        ("key",),
        fixed=("sensitive",),
    ),
)
