"""No command imports a library or builds a model that it doesn't use: some take a tenth of a second."""

import json
import subprocess
import sys
from typing import Final

from cli.app import app

_TWIN_ALONE: Final = {"structlog", "starlette", "uvicorn", "moto", "prometheus_client", "sentry_sdk"}
_PROGRAM: Final = {"pulumi_aws", "pulumi_neon", "pulumi_sentry", "pulumi_uptimerobot", "components.platform"}
_HTTP: Final = {"httpx", "click", "pygments"}
_ANY: Final = _TWIN_ALONE | _PROGRAM | {"boto3"}
_DATA: Final = _ANY | _HTTP | {"pulumi", "policies"}
_ENGINE: Final = _ANY | _HTTP | {"botocore", "psycopg", "jinja2", "cryptography"}
_VAULT: Final = _DATA | {"engine.stack_target", "components.settings"}
_NOTHING: Final = _DATA | _ENGINE | {"pydantic", "rich.console", "yaml"}

LEFT_OUT: Final[dict[str, set[str]]] = {
    "ready": _ANY | _HTTP | {"botocore", "psycopg", "jinja2", "pulumi", "policies", "openapi_spec_validator"},
    "status": _ANY | {"policies.rules", "pulumi_policy"},
    **dict.fromkeys(("up", "preview", "refresh", "outputs", "destroy"), _ENGINE | {"policies.rules"}),
    **dict.fromkeys(("review", "audit"), _ENGINE),
    "pulumi": _ANY | _HTTP | {"botocore", "psycopg", "pulumi", "policies"},
    "init": _ANY | {"botocore", "psycopg", "pulumi", "pulumi_policy", "policies"},
    "adopt": _ANY | {"psycopg", "pulumi_policy", "policies.rules"},
    **dict.fromkeys(("backup", "copy", "disown"), _VAULT),
    **dict.fromkeys(("verify", "restore", "backups", "break-lease", "drills"), _DATA),
    "respond": _ANY | {"policies", "pulumi_policy"},
    "discard": _DATA | {"botocore"},
    "drill": _ANY | {"pulumi", "policies"},
    **dict.fromkeys(("logs", "down"), _DATA | {"botocore"}),
    **dict.fromkeys(("test", "toolchain"), _NOTHING),
}
"""Command -> what its module may not import: a library is imported where it is first used."""

_PACKAGES: Final = (
    *("cli", "components", "core", "engine", "live", "policies"),
    *("readiness", "recovery", "respond", "review", "status"),
)

CONSTANTS: Final = {
    "recovery.drill.evidence.ControlReference",
    "recovery.drill.evidence.UntestedScope",
    "status.health.StoreInVault",
}
"""Models of which a module has values."""

# Each command in a fork of a process that has imported none.
_PROGRAM_TEXT: Final = """
import json, os, sys
import cli.app

def find_built_models():
    waiting = [sys.modules["pydantic"].BaseModel] if "pydantic" in sys.modules else []
    while waiting:
        model = waiting.pop()
        waiting += model.__subclasses__()
        if not model.__module__.startswith(PACKAGES) or model.__pydantic_generic_metadata__["parameters"]:
            continue
        if model.__pydantic_complete__:
            yield f"{model.__module__}.{model.__name__}"

PACKAGES = tuple(f"{name}." for name in json.loads(sys.argv[2]))
left_out, found = json.loads(sys.argv[1]), {}
for command, names in left_out.items():
    read, write = os.pipe()
    if not os.fork():
        cli.app.app[command].default_command
        imported = [name for name in names if name in sys.modules]
        os.write(write, json.dumps([*imported, *find_built_models()]).encode())
        os._exit(0)
    os.close(write)
    os.wait()
    found[command] = json.loads(os.read(read, 100_000))
print(json.dumps(found))
"""


def test_no_command_imports_a_library_or_builds_a_model_that_it_does_not_use() -> None:
    commands = {name for name in app if not name.startswith("-")}
    assert commands == set(LEFT_OUT)
    left_out = json.dumps({command: sorted(names) for command, names in LEFT_OUT.items()})
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM_TEXT, left_out, json.dumps(_PACKAGES)],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    found = {command: sorted({*names} - CONSTANTS) for command, names in json.loads(ended.stdout).items()}
    assert found == {command: [] for command in LEFT_OUT}


def test_a_stack_on_the_twin_is_found_without_the_engines_sdk() -> None:
    program = """
import sys
from engine.targets import find_twin_target
find_twin_target("local")
print(*{"pulumi", "grpc", "moto", "uvicorn"} & sys.modules.keys())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == []
