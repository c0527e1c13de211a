"""AutomationStack, which starts the CLI less often, compared with the SDK's Automation API."""

import os
from pathlib import Path

import pulumi
import pulumi.automation as auto
import pytest

from engine.automation import AutomationStack, AutomationWorkspace, StackInitMode
from toolchain.engine import search_path


def program() -> None:
    pulumi.export("plain", {"list": [1, "two", None], "flag": True})
    pulumi.export("secret", pulumi.Output.secret("s3cret"))
    pulumi.export("holding", {"url": pulumi.Output.secret("https://user:s3cret@example.com"), "name": "x"})


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AutomationStack:
    monkeypatch.setenv("PATH", search_path() + os.pathsep + os.environ["PATH"])
    backend = tmp_path / "backend"
    backend.mkdir()
    workspace = AutomationWorkspace(
        program=program,
        work_dir=str(tmp_path),
        env_vars={
            "PULUMI_BACKEND_URL": backend.as_uri(),
            "PULUMI_HOME": str(tmp_path / "home"),
            "PULUMI_CONFIG_PASSPHRASE": "of this test alone",
        },
        project_settings=auto.ProjectSettings(name="outputs", runtime="python"),
        secrets_provider="passphrase",
    )
    return AutomationStack("any", workspace, StackInitMode.CREATE)


def test_outputs_are_those_of_the_automation_api_except_that_one_which_holds_a_secret_is_secret(
    stack: AutomationStack,
) -> None:
    assert stack.outputs() == {}
    result = stack.up()
    assert result.summary.result == "succeeded"
    own = {name: (one.value, one.secret) for name, one in result.outputs.items()}
    apis = auto.LocalWorkspace.stack_outputs(stack.workspace, "any")  # pyrefly: ignore[bad-argument-type] - ours
    assert own == {name: (one.value, one.secret or name == "holding") for name, one in apis.items()}
    assert {name for name, (_, secret) in own.items() if secret} == {"secret", "holding"}


@pytest.mark.usefixtures("stack")
def test_debug_messages_of_the_sdk_make_no_call_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr("pulumi.log.get_engine", lambda: calls.append("engine"))
    pulumi.log.debug("preparing a resource")
    assert calls == []
