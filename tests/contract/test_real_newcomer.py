"""docs/production.md, followed on the twin through the vendors' own providers, command by command."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest
from deployment import Deployment
from documents import commands
from installations import CHECKOUT
from inventory import aws_client

from toolchain.engine import search_path
from twin.aws.administrator import administrator_key
from twin.host.home import TwinHome

pytestmark = pytest.mark.shares("real")

_GUIDE: Final = (CHECKOUT / "docs" / "production.md").read_text()
SECTIONS: Final = {
    int(section.partition(".")[0]): [shlex.join(words) for words in commands(section)]
    for section in re.split(r"^## (?=\d+\. )", _GUIDE, flags=re.MULTILINE)[1:]
}
EXPECTED: Final = {
    "./bulwark preview --stack prod": (0, "121 unchanged"),
    "./bulwark review --stack prod": (0, "prod passes "),
    "./bulwark adopt --stack prod": (0, "this stack has it"),
    "./bulwark up --stack prod": (0, "121 unchanged"),
    "./bulwark refresh --stack prod": (0, "Nothing has drifted."),
    "./bulwark outputs --stack prod": (0, "deployer_role"),
    "./bulwark outputs --stack prod --show-secrets": (0, "database_urls"),
    "./bulwark backup all --stack prod": (0, "of database is in"),
    "./bulwark verify --deep --stack prod": (0, "restored and compared, good"),
    "./bulwark drill all --stack prod": (1, "drill the twin's own (`./bulwark drill`)"),
    "./bulwark audit --stack prod": (0, "prod passes "),
}
"""Command about production -> its exit code on the twin, and a part of its output."""


def commands_of_the_guide() -> list[str]:
    """Return the commands about production, each once; the guide says that all take `--twin`."""
    lines = [line.removesuffix(" --twin") for section in (3, 5, 6, 7, 8, 9) for line in SECTIONS[section]]
    # GitHub's own API, which a twin has not.
    return [line for line in dict.fromkeys(lines) if not line.startswith("gh api ")]


def test_the_guide_has_no_command_that_is_not_tried() -> None:
    assert commands_of_the_guide() == list(EXPECTED)
    assert SECTIONS[1] == []
    assert max(SECTIONS) == 9


@pytest.fixture(scope="module", autouse=True)
def checkout(real: Deployment) -> Generator[None]:
    """Let the installation be a clone, as the reader's is."""
    with real.installation.under_git():
        yield


@pytest.mark.parametrize("line", EXPECTED)
def test_a_command_ends_as_the_guide_says(real: Deployment, line: str) -> None:
    ended = real.installation.bulwark(*shlex.split(line)[1:], "--twin", timeout_seconds=600)
    code, seen = EXPECTED[line]
    assert (ended.code, seen in ended.text) == (code, True), ended.text[-3_000:]


def test_state_and_secrets_lie_where_the_guide_puts_them(real: Deployment, tmp_path: Path) -> None:
    login, init, secret, backup = SECTIONS[4]
    assert backup == "./bulwark backup state"  # a part of `backup all`, above
    home = real.installation.home
    # The guide says to create both by hand.
    s3, kms = aws_client(real.installation, "s3"), aws_client(real.installation, "kms")
    region = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="example-pulumi-state", CreateBucketConfiguration=region)
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/example-pulumi", TargetKeyId=key)
    for name in ("Pulumi.yaml", "Pulumi.prod.yaml"):
        shutil.copy(CHECKOUT / name, tmp_path)

    for line, prompt in ((login, ""), (init, ""), (secret, "planted-key")):
        ended = run_guides_pulumi(line, tmp_path, home, prompt)
        assert ended.returncode == 0, ended.stderr
    written = (tmp_path / "Pulumi.prod.yaml").read_text()
    assert "secretsprovider: awskms://alias/example-pulumi" in written
    assert "bulwark:files_access_key_id:" in written
    assert "planted-key" not in written
    shown = run_guides_pulumi("pulumi config get --stack prod bulwark:files_access_key_id", tmp_path, home)
    assert shown.stdout.strip() == "planted-key"
    stored = s3.list_objects_v2(Bucket="example-pulumi-state")["Contents"]
    assert ".pulumi/stacks/bulwark/prod.json" in {one["Key"] for one in stored}
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)


def run_guides_pulumi(
    line: str, folder: Path, home: TwinHome, prompt: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a line of the guide in a checkout of its own, at the twin's AWS; `prompt` answers its prompt."""
    return subprocess.run(
        shlex.split(line),
        cwd=folder,
        env=os.environ
        | {
            "PATH": search_path(),
            "PULUMI_HOME": str(folder / "pulumi"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{home.port('aws')}",
            "AWS_ACCESS_KEY_ID": administrator_key(home).id,
            "AWS_SECRET_ACCESS_KEY": administrator_key(home).secret,
        },
        input=prompt,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
