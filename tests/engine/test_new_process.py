"""Commands as a person starts them: a new Python each; most tests fork a warm one (../warm_python.py)."""

import subprocess

import pytest
from deployment import Deployment

pytestmark = pytest.mark.shares("production")

SAME = ("outputs", "audit", "backups")
"""Commands whose result does not change from one second to the next."""


@pytest.mark.matrix(sample=2)
@pytest.mark.parametrize("name", [*SAME, "drills", "status", "logs", "preview"])
def test_a_command_in_a_new_process_does_what_it_does_in_a_forked_one(
    production: Deployment, name: str
) -> None:
    installation = production.installation
    options = ["--stack", "prod", *([] if name == "logs" else ["--twin", "--json"])]
    new = subprocess.run(
        installation.command(name, *options),
        env=installation.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=installation.folder,
    )
    forked = installation.bulwark(name, *options)
    assert new.returncode == forked.code, new.stdout + new.stderr + forked.text
    if name in SAME:
        assert new.stdout == forked.out
    else:
        assert new.stdout[:8] == forked.out[:8]
