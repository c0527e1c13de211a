"""The end of `init`: the policies are asked, and what they miss is said."""

import json
import sys
from dataclasses import asdict
from typing import Any, Final

from cli.ending import Ending
from components.settings import Settings
from core.failure import Failure
from core.text import printable

_INTERRUPTED: Final = 130


def end(report: dict[str, Any], settings: Settings, *, judges: bool, as_json: bool) -> int:
    """Ask the policies, and end with their verdict."""
    stack, file = report["stack"], report["file"]
    preview = f"./bulwark preview --stack {stack} --twin"
    code, more = 0, dict[str, Any]()
    if not judges:
        ending = Ending(True, f"{file} is written; the policies were not asked.", preview)
    else:
        ending, code, more = _judge(stack, file, settings, preview, as_json=as_json)
    if as_json:
        document = report | more | {"exit_code": code, "verdict": asdict(ending)}
        sys.stdout.write(f"{json.dumps(document, indent=2)}\n")
    if not as_json or not ending.passes:
        ending.write()
    return code


def _judge(
    stack: str, file: str, settings: Settings, preview: str, *, as_json: bool
) -> tuple[Ending, int, dict[str, Any]]:
    from cli.new_stack.verdict import judge  # noqa: PLC0415 - the engine and pulumi's SDK take a second

    try:
        verdict = judge(stack)
    except KeyboardInterrupt:
        return Ending(False, f"{file} is written; the policies were interrupted.", preview), _INTERRUPTED, {}
    except Failure as failure:
        return (
            Ending(False, f"{file} is written; the policies can't be asked: {failure.cause}", preview),
            1,
            {},
        )
    document = asdict(verdict)
    if verdict.started_services:
        sys.stderr.write("The twin's services stay up for the next preview; `./bulwark down` ends them.\n")
    if verdict.passes:
        text = f"{file} is written, and passes {verdict.policies} policies."
        return Ending(True, text, preview), 0, document
    if verdict.failure:
        text = f"{file} is written; the policies can't be asked: {verdict.failure}"
        return Ending(False, text, f"correct that, then {preview}"), 1, document
    if not as_json:
        sys.stdout.write(f"\nWhat the policies miss in {stack}, each with its option:\n")
        for answer in verdict.missing:
            sys.stdout.write(f"  {answer.what}: {answer.option}, or {answer.setting} in the file\n")
        if _lacks_configuration(stack, settings):
            sys.stdout.write(
                f"  what only production needs: policies/config/{stack}.json does not say so yet\n"
            )
        else:
            sys.stdout.writelines(
                f"  {policy}: {printable(finding)}\n" for policy, finding in verdict.refusals.items()
            )
    count = len({name for one in verdict.missing for name in one.policies}) + len(verdict.refusals)
    policies = "policy refuses" if count == 1 else "policies refuse"
    text = f"{file} is written, and {count} {policies} it as it is."
    return Ending(False, text, _next_step(stack, settings, preview)), 1, document


def _next_step(stack: str, settings: Settings, preview: str) -> str:
    if _lacks_configuration(stack, settings):
        folder = "policies/config"
        return (
            f"`cp {folder}/staging.json {folder}/{stack}.json`; add the rest to the file, then `{preview}`."
        )
    return (
        f"add them to the file, or remove it and answer again; `{preview}` shows each refusal with its fix."
    )


def _lacks_configuration(stack: str, settings: Settings) -> bool:
    """Tell whether a staging stack is judged as production is."""
    from policies.framework import configuration  # noqa: PLC0415 - with the policies alone

    return settings.platform.environment == "staging" and not configuration.find_file(stack)
