"""The variables of a project at Vercel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_vercel as vercel


@dataclass(frozen=True)
class VercelHostArgs:
    """What `VercelHost` is made of. Names are those of environment variables."""

    service: str
    """The platform's name of the service."""

    project_id: str
    team_id: str | None
    """None: the account of the token owns the project."""

    target: Literal["production", "preview"]
    """Which deployments get the variables."""

    variables: Mapping[str, pulumi.Input[str]]
    """Name -> value, secret or not: Vercel shows none of them again."""

    error_project: str | None = None
    """Slug of the service's project at Sentry, whose DSN is among the variables."""


class VercelHost(pulumi.ComponentResource):
    """
    The variables of one project, a resource each. A deployment keeps those that it was made with.

    Publishes for policies: `hostedService`, and `errorProject`, the slug of its project at Sentry.
    """

    TYPE: Final = "bulwark:index:VercelHost"

    def __init__(
        self, name: str, args: VercelHostArgs, *, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        facts = {"hostedService": args.service, "errorProject": args.error_project}
        super().__init__(self.TYPE, name, facts, opts)
        # Not ProjectEnvironmentVariables: it changes its variables by deleting them first, for five seconds.
        for key, value in sorted(args.variables.items()):
            vercel.ProjectEnvironmentVariable(
                f"{name}-{key.lower().replace('_', '-')}",
                project_id=args.project_id,
                team_id=args.team_id,
                key=key,
                value=value,
                # Neither the API nor the dashboard shows it again. Some teams demand it of every variable.
                sensitive=True,
                targets=[args.target],
                comment="Declared by Bulwark",
                # Vercel refuses a second variable of the same name (pulumiverse/pulumi-vercel#118).
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
        self.register_outputs({})
