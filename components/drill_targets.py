"""What a drill recovers into: made of the platform's own components, and made to be thrown away."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime
from typing import Final

import pulumi

from components import neon
from components.application_role import ApplicationRole
from components.database import Database, connection_uri
from components.neon import DatabaseArgs
from components.neon_arguments import describe_neon_database
from components.settings import DatabaseSettings


class Branch(pulumi.ComponentResource):
    """The database as it was at an instant: a branch of the project's history, with a compute of its own."""

    TYPE: Final = "bulwark:index:DrillBranch"

    def __init__(
        self,
        name: str,
        args: DatabaseArgs,
        *,
        project: str,
        at: pulumi.Input[int],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`at` is in seconds of Unix time; what was committed at that very second's beginning is in."""
        super().__init__(self.TYPE, name, {}, opts)
        branch = neon.declare_branch(name, args, project=project, at=at, parent=self)

        def uri(role: str, password: pulumi.Output[str]) -> pulumi.Output[str]:
            return connection_uri(args, role=role, password=password, host=branch.host, name=args.database)

        self.owner_uri = uri(args.owner_role, neon.read_password(branch, args.owner_role, parent=self))
        application = ApplicationRole(
            f"{name}-role-application",
            role=args.application_role,
            owner_uri=self.owner_uri,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.application_uri = uri(args.application_role, application.password)
        self.register_outputs({})


OnOutputs = Callable[[dict[str, str]], None]
"""Called with the outputs of a drill's stack, secret ones in clear, as soon as all of them are known."""


def declare_branch(
    name: str,
    settings: DatabaseSettings,
    *,
    project: str,
    at: Future[datetime],
    ready: Callable[[], None],
    key: str,
    on_outputs: OnOutputs,
) -> None:
    """
    Declare a stack that holds the database of `project` as it was at `at`.

    `ready` is called when everything is declared and only `at` is missing.
    """

    async def second() -> int:
        return int((await asyncio.wrap_future(at)).timestamp())

    vendor = neon.declare_provider(key)
    vendor.id.apply(lambda _: ready())
    opts = pulumi.ResourceOptions(providers=[vendor])
    args = describe_neon_database(settings, protect=False)
    branch = Branch(name, args, project=project, at=pulumi.Output.from_input(second()), opts=opts)
    _export(on_outputs, project=project, owner=branch.owner_uri, application=branch.application_uri)


def declare_database(
    name: str, settings: DatabaseSettings, *, organization: str, key: str, on_outputs: OnOutputs
) -> None:
    """Declare a stack that holds a new, empty database of an organization, as production declares its own."""
    # Nothing may outlive the drill: no protection, and no history that is paid for.
    throw_away = replace(
        describe_neon_database(settings, protect=False),
        project=name,
        organization=organization,
        protect_default_branch=False,
        history_retention_hours=1,
    )
    opts = pulumi.ResourceOptions(providers=[neon.declare_provider(key)])
    database = Database(name, throw_away, opts=opts)
    _export(
        on_outputs,
        project=database.project.id,
        owner=database.owner_uri,
        application=database.application_uri,
    )


def _export(on_outputs: OnOutputs, **outputs: pulumi.Input[str]) -> None:
    for name, value in outputs.items():
        pulumi.export(name, value)
    pulumi.Output.all(**outputs).apply(on_outputs)
