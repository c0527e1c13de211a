"""Tells the policies what the drills of a stack have shown; rules reach no network themselves."""

import pulumi.automation as auto
from rich.console import Console

from cli.stack_file import Space
from policies.drills import REHEARSAL, VARIABLE
from toolchain.failure import Failure


def hand_over(space: Space, chosen: auto.Stack) -> None:
    """
    Put it into the environment of the stack's engine, over whatever this process has there.

    What can't be found out is handed over as nothing, and the policies then refuse.
    """
    try:
        told = document(space, chosen)
    except Failure as failure:
        told = ""
        console = Console(stderr=True)
        console.print(str(failure), style="yellow", markup=False, highlight=False)
        console.print("So the policies do not know of any drill.", style="yellow")
    chosen.workspace.env_vars = {**chosen.workspace.env_vars, VARIABLE: told}


def document(space: Space, chosen: auto.Stack) -> str:
    """
    Return what is handed over; of a program on the twin, that nothing is deployed.

    Raises:
        Failure: where the vault can't be asked.
    """
    if space.twin:
        return REHEARSAL
    from cli import proven  # noqa: PLC0415 - it brings boto3 along, which the twin's deploys do without

    return proven.document(space, chosen)
