"""The places where the vendors' own provider plugins are searched for."""

from pathlib import Path

import pytest

from core.failure import Failure
from toolchain.providers import PAGERDUTY, VARIABLE, bridge_path, find_providers, is_complete, plugin_path

_PROVIDERS = (
    "kislerdm/neon/0.15.0/linux_amd64/terraform-provider-neon_v0.15.0",
    "uptimerobot/uptimerobot/1.10.0/linux_amd64/terraform-provider-uptimerobot_v1.10.0",
    "jianyuan/sentry/0.15.4/linux_amd64/terraform-provider-sentry_v0.15.4",
    "terraform-community-providers/railway/0.6.2/linux_amd64/terraform-provider-railway_v0.6.2",
    "vercel/vercel/5.10.0/linux_amd64/terraform-provider-vercel_v5.10.0",
)


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the search an empty machine: no home, no cache."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def lay_out(home: Path) -> Path:
    registry = home / "dynamic_tf_plugins" / "registry.opentofu.org"
    for file in (bridge_path(home), *(registry / name for name in _PROVIDERS)):
        file.parent.mkdir(parents=True)
        file.touch()
    return home


def test_a_home_is_complete_with_the_bridge_and_every_provider(tmp_path: Path) -> None:
    assert is_complete(lay_out(tmp_path))
    (tmp_path / "dynamic_tf_plugins/registry.opentofu.org" / _PROVIDERS[1]).unlink()
    assert not is_complete(tmp_path)


def test_a_home_with_some_of_the_providers_serves_those_who_need_these(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = lay_out(tmp_path / "named")
    (home / "dynamic_tf_plugins/registry.opentofu.org" / _PROVIDERS[3]).unlink()
    monkeypatch.setenv(VARIABLE, str(home))
    assert find_providers(["neon", "sentry"]) == home
    for vendors in (["railway"], ["pagerduty"]):
        with pytest.raises(Failure, match=f"lacks some of the providers: .*{vendors[0]}"):
            find_providers(vendors)
    plugin = plugin_path(home, *PAGERDUTY)
    plugin.parent.mkdir(parents=True)
    plugin.touch()
    assert find_providers(["pagerduty"]) == home


def test_providers_named_by_the_environment_win_and_are_not_replaced_when_incomplete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "own")
    monkeypatch.setenv(VARIABLE, str(lay_out(tmp_path / "named")))
    assert find_providers() == tmp_path / "named"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(Failure, match=r"lacks some of the providers: kislerdm/neon 0\.15\.0"):
        find_providers()


def test_the_users_own_providers_are_used_before_any_are_downloaded(tmp_path: Path) -> None:
    lay_out(tmp_path / "own")
    assert find_providers() == tmp_path / "own"


def test_missing_providers_are_reported_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="can't be had") as failed:
        find_providers()
    assert f"set {VARIABLE}" in str(failed.value)
    assert not list(tmp_path.rglob("plugins"))
