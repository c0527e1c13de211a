"""Railway's provider (terraform-community-providers/railway 0.6.2): its rules, by its source."""

from twin.provider.rules import each, matches, size
from twin.provider.terraform_spec import ResourceSpec, VendorSpec
from twin.provider.values import UNKNOWN, Properties

_UUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def _collection_address(identifier: str, state: Properties) -> str:
    """Return the address with the current names: the engine keeps the id that the resource was made with."""
    variables = state.get("variables")
    if not isinstance(variables, list) or UNKNOWN in (state.get("serviceId"), state.get("environmentId")):
        return identifier
    names = [str(variable["name"]) for variable in variables]
    return ":".join((str(state["serviceId"]), str(state["environmentId"]), *names))


RAILWAY = VendorSpec(
    title="Railway",
    # Another order of the variables is a change, and a change restarts the service.
    scalar_lists_are_sets=False,
    # No deletion that fails is taken for a success.
    delete_success_statuses=frozenset(),
    resources={
        "variableCollection": ResourceSpec(
            rules=(
                matches("serviceId", _UUID, "be an id, such as 12345678-1234-1234-1234-123456789012"),
                matches("environmentId", _UUID, "be an id, such as 12345678-1234-1234-1234-123456789012"),
                size("variables", 1),
                each("variables[].name", bool, "not be empty"),
            ),
            replaces=frozenset({"serviceId", "environmentId"}),
            address=_collection_address,
            # Whoever deletes the service at Railway has to take the resource out of the state by hand.
            gone_is_error=True,
            gone_fails_delete=True,
        ),
    },
)
