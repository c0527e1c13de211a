"""Where the vendors' own provider plugins are looked for."""

import os
from pathlib import Path

import pytest

from core.failure import Failure
from toolchain import providers
from toolchain.providers import VARIABLE, bridge, find_providers, is_complete

_PROVIDERS = (
    "kislerdm/neon/0.15.0/linux_amd64/terraform-provider-neon_v0.15.0",
    "uptimerobot/uptimerobot/1.10.0/linux_amd64/terraform-provider-uptimerobot_v1.10.0",
    "jianyuan/sentry/0.15.4/linux_amd64/terraform-provider-sentry_v0.15.4",
)


@pytest.fixture(autouse=True)
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the search an empty machine: no home, no cache, nothing beside the repository, no CLI."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(providers, "_BESIDE", tmp_path / "beside")
    monkeypatch.setattr(providers, "ensure_cli", lambda: tmp_path / "no-pulumi")


def lay_out(home: Path) -> Path:
    registry = home / "dynamic_tf_plugins" / "registry.opentofu.org"
    for file in (bridge(home), *(registry / name for name in _PROVIDERS)):
        file.parent.mkdir(parents=True)
        file.touch()
    return home


def test_a_home_is_complete_with_the_bridge_and_every_provider(tmp_path: Path) -> None:
    assert is_complete(lay_out(tmp_path))
    (tmp_path / "dynamic_tf_plugins/registry.opentofu.org" / _PROVIDERS[1]).unlink()
    assert not is_complete(tmp_path)


def test_the_environments_choice_wins_and_is_not_replaced_when_it_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay_out(tmp_path / "own")
    monkeypatch.setenv(VARIABLE, str(lay_out(tmp_path / "named")))
    assert find_providers() == tmp_path / "named"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))
    with pytest.raises(Failure, match=r"lacks some of the providers: kislerdm/neon 0\.15\.0"):
        find_providers()


def test_the_users_own_are_used_before_any_are_laid_out(tmp_path: Path) -> None:
    lay_out(tmp_path / "own")
    assert find_providers() == tmp_path / "own"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the plugins beside a repository are for x86-64")
def test_those_beside_the_repository_are_laid_out_once(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    source = lay_out(tmp_path / "source")
    beside.mkdir()
    (beside / "SHA256SUMS").write_text("first")
    program = beside / "install"
    program.write_text(f'#!/bin/sh\ncp -R {source}/. "$1"\n')
    program.chmod(0o755)
    laid_out = find_providers()
    assert is_complete(laid_out)
    program.unlink()
    program.touch()  # not executable any more: nobody runs it
    assert find_providers() == laid_out


def test_what_can_be_had_nowhere_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="can't be had") as failed:
        find_providers()
    assert f"set {VARIABLE}" in str(failed.value)
    assert not list((tmp_path / "cache" / "bulwark").glob("providers-*[!.lock][!.partial]/plugins"))
