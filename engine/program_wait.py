"""
How a program waits for its resources, in time that grows with them and not with their square.

The SDK's own wait begins anew with all that is still open whenever one of it is ready: 693 times 350 for the
two programs of the twin, a quarter of the processor time of a preview (pulumi/pulumi#22411 left it so).
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

from pulumi.runtime import settings, stack

_LOOK_SECONDS: Final = 0.1
"""After which what the program has added meanwhile is waited for as well."""

_SETTINGS: Final[Any] = settings.SETTINGS
_wait_for_calls = stack.wait_for_rpcs


def install() -> None:
    """Let all programs of this process wait so."""
    stack.wait_for_rpcs = wait_for_all


async def wait_for_all(await_all_outstanding_tasks: bool = True) -> None:
    """Wait until the engine has answered all calls and each output is known; raise the first error."""
    while True:
        await _wait_for_calls(await_all_outstanding_tasks=False)
        outputs = _list_outputs() if await_all_outstanding_tasks else []
        if not outputs:
            return
        # An output that is known leaves the list by itself; the one of an error stays.
        done, _ = await asyncio.wait(outputs, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        for output in done:
            with _SETTINGS.lock:
                _SETTINGS.outputs.discard(output)
            # The engine has reported such a one, and goes on with the other resources.
            with suppress(stack.ResourceRegistrationFailed):
                await output


def _list_outputs() -> "list[asyncio.Task[object]]":
    with _SETTINGS.lock:
        return list(_SETTINGS.outputs)
