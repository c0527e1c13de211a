"""`pulumi new` makes a project of each example in an empty folder."""

import os
import subprocess
from pathlib import Path

import pytest
from import_graph import CHECKOUT

from toolchain.engine import search_path

EXAMPLES = CHECKOUT / "examples"
NO_LANGUAGE_HOST = "no language plugin 'pulumi-language-python' found"
"""What Pulumi says where it has no Python support: after it has copied the files."""


@pytest.mark.matrix(sample=1)
@pytest.mark.parametrize("example", sorted(path.parent.name for path in EXAMPLES.glob("*/Pulumi.yaml")))
def test_pulumi_new_copies_an_example_into_an_empty_folder(tmp_path: Path, example: str) -> None:
    source, folder, home = EXAMPLES / example, tmp_path / "shop", tmp_path / "home"
    for empty in (folder, home):
        empty.mkdir()
    ended = subprocess.run(
        ["pulumi", "new", str(source), "--generate-only", "--yes"],
        cwd=folder,
        env=os.environ
        | {"PATH": search_path(), "PULUMI_HOME": str(home), "PULUMI_BACKEND_URL": home.as_uri()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0 or NO_LANGUAGE_HOST in ended.stderr, ended.stderr
    copied = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert copied.keys() == {file.name for file in source.iterdir() if file.is_file()}
    assert all(
        content == (source / name).read_bytes() for name, content in copied.items() if name != "Pulumi.yaml"
    )
