"""The policies decide everything of any platform, in the real engine, before anything of it exists."""

from typing import Any

import pytest
import yaml
from deployment import Deployment
from generated_files import NAMES, right_files
from hypothesis import Phase, given, settings
from sampling import Draw

pytestmark = pytest.mark.shares("production")

SECRETS: dict[str, Any] = {
    f"BULWARK_{name.upper().replace('-', '_')}_{secret}": value
    for name in NAMES
    for secret, value in (
        ("URL", "postgresql://backup:secret@127.0.0.1:9/app"),
        ("ACCESS_KEY_ID", "key"),
        ("SECRET_ACCESS_KEY", "secret"),
    )
}


def test_the_policies_decide_everything_of_any_platform(production: Deployment, draw: Draw) -> None:
    installation = production.installation
    file = installation.folder / "Pulumi.generated.yaml"

    # The first example is the smallest file, and no failure is worth ten minutes of shrinking.
    @settings(max_examples=len(draw("previews of generated files", range(10), 3)), phases=[Phase.generate])
    @given(blocks=right_files())
    def judge(blocks: dict[str, Any]) -> None:
        config = {f"bulwark:{name}": block for name, block in blocks.items()}
        file.write_text(yaml.safe_dump({"config": config}))
        ended = installation.bulwark(
            "review", "--stack", "generated", "--twin", "--base", "none", "--json", **SECRETS
        )
        assert "crashed" not in ended.text
        assert not ended.json["stopped"], ended.text[-3_000:]
        verdicts = ended.json["verdicts"]
        assert verdicts
        assert [one for one in verdicts if one["outcome"] == "undecided"] == []

    try:
        judge()
    finally:
        file.unlink()
