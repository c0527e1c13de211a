"""The line of the settings that a finding points to."""

from pathlib import Path

import pytest

from review.settings_lines import locate, read_repository

_CHECKOUT = Path(__file__).parents[2]
_STACK = "urn:pulumi:prod::bulwark::bulwark:index:Platform"
_PROJECT = f"{_STACK}$bulwark:index:Database$neon:index/project:Project::database-project"
_FILES = f"{_STACK}$bulwark:index:Files::files"
_MONITOR = f"{_STACK}$bulwark:index:Uptime$uptimerobot:index/monitor:Monitor::uptime-backend-health"
_KEY = f"{_STACK}$bulwark:index:Errors$sentry:index/key:Key::errors-frontend-key"
_VAULT = f"{_STACK}$bulwark:index:Backups$aws:s3/bucket:Bucket::backups-vault-bucket"
_PUBLISHER = f"{_STACK}::example"


@pytest.mark.parametrize(
    ("rule", "urn", "line"),
    [
        ("store-has-history", _PROJECT, "      history_retention_hours: 168"),
        ("store-loss-is-within-objective", _PROJECT, '      backup: { schedule: "17 2 * * *"'),
        ("store-loss-is-within-objective", _FILES, '      backup: { schedule: "47 2 * * *"'),
        # It has no such setting, so its block.
        ("store-has-history", _FILES, "    files:"),
        ("store-is-protected", _PROJECT, "    database:"),
        ("endpoint-monitor-is-fast", _PUBLISHER, "    interval_seconds: 60"),
        ("endpoint-monitor-looks-from-several-regions", _PUBLISHER, "    regions: [eu, na, as]"),
        ("endpoint-has-monitor", _MONITOR, "      checks:"),
        ("monitor-reaches-someone", _MONITOR, "    routes:"),
        ("error-key-has-rate-limit", _KEY, "      errors: { platform: javascript-react"),
        ("vault-is-locked", _VAULT, "    lock_days: 30"),
        ("vault-expires-nothing-early", _VAULT, "    retention:"),
        ("store-is-drilled", _PROJECT, '    drill: { schedule: "23 4 * * 6"'),
        ("key-rotates", _VAULT, "  bulwark:backups:"),
        ("provider-is-explicit", "", "  bulwark:platform:"),
    ],
)
def test_a_finding_points_at_the_setting_that_decides_it(rule: str, urn: str, line: str) -> None:
    file, number = locate("prod", rule, urn, "", _CHECKOUT)
    assert file == "Pulumi.prod.yaml"
    assert (_CHECKOUT / file).read_text().splitlines()[number - 1].startswith(line)


def test_a_finding_about_a_waiver_or_a_looser_setting_points_at_its_entry(tmp_path: Path) -> None:
    (tmp_path / "policies/config").mkdir(parents=True)
    (tmp_path / "policies/waivers.yaml").write_text("# none\n- rule: a\n  ticket: b\n- rule: c\n")
    (tmp_path / "policies/config/prod.json").write_text(
        '{\n "key-rotates": {\n  "maximum_days": 999\n }\n}\n'
    )
    waiver = locate("prod", "waivers-are-valid", "", "waiver 2 expired on 2030-01-01", tmp_path)
    assert waiver == ("policies/waivers.yaml", 4)
    looser = "accounts (Accounts) is judged by less than the defaults: key-rotates.maximum_days = 999"
    assert locate("prod", "settings-only-tighten", _PUBLISHER, looser, tmp_path) == (
        "policies/config/prod.json",
        3,
    )


@pytest.mark.parametrize("content", [None, "", "[", "config: 5", "config:\n  bulwark:stores: text\n", "- a"])
def test_settings_that_are_missing_or_malformed_are_pointed_at_as_a_whole(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "Pulumi.prod.yaml").write_text(content)
    file, number = locate("prod", "store-has-history", _PROJECT, "", tmp_path)
    assert file == "Pulumi.prod.yaml"
    assert number <= 2
    assert read_repository("prod", tmp_path) == ""


def test_the_help_of_a_rule_is_in_the_repository_that_the_settings_name() -> None:
    assert read_repository("prod", _CHECKOUT) == "example/platform"
