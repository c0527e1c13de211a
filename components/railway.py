"""The variables of a service at Railway."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_railway as railway


@dataclass(frozen=True)
class RailwayHostArgs:
    """What `RailwayHost` is made of. Names are those of environment variables."""

    service: str
    """The platform's name of the service."""

    service_id: str
    environment_id: str
    variables: Mapping[str, pulumi.Input[str]]
    """Name -> value, in clear."""

    secrets: Mapping[str, pulumi.Input[str]]
    """Name -> value that must not be seen."""

    error_project: str | None = None
    """Slug of the service's project at Sentry, whose DSN is among the variables."""

    def __post_init__(self) -> None:
        """Raise ValueError for a name that stands twice, or for none."""
        if twice := sorted(self.variables.keys() & self.secrets.keys()):
            raise ValueError(f"{', '.join(twice)} is both a variable and a secret")
        if not self.variables and not self.secrets:
            raise ValueError(f"{self.service} is given no variable")


class RailwayHost(pulumi.ComponentResource):
    """
    The variables of one service in one environment, as one resource.

    A change of any number of them redeploys the service once or twice; as a resource each they would do so
    for each one. Variables that are not declared are left alone; one that has a declared name is overwritten.

    Publishes for policies: `hostedService`, and `errorProject`, the slug of its project at Sentry.
    """

    TYPE: Final = "bulwark:index:RailwayHost"

    def __init__(
        self, name: str, args: RailwayHostArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        facts = {"hostedService": args.service, "errorProject": args.error_project}
        super().__init__(self.TYPE, name, facts, opts)
        values = {
            **args.variables,
            **{key: pulumi.Output.secret(value) for key, value in args.secrets.items()},
        }
        railway.VariableCollection(
            f"{name}-variables",
            service_id=args.service_id,
            environment_id=args.environment_id,
            # Sorted: the provider takes another order for a change, which restarts the service.
            variables=[{"name": key, "value": values[key]} for key in sorted(values)],
            # The provider's schema marks the values and not the list; policies see this in a preview too.
            opts=pulumi.ResourceOptions(parent=self, additional_secret_outputs=["variables"]),
        )
        self.register_outputs({})
