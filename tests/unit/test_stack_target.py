"""Where a stack lives, and what the twin draws for it."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.failure import Failure
from core.state_folder import HOME_VARIABLE
from engine import session, stack_file
from engine.stack_target import VendorTarget
from engine.targets import find_target, find_twin_target
from engine.twin import TwinTarget, draw_ports, take_accounts
from recovery.drill.neon_account import NeonKeys
from toolchain import releases
from twin.host.home import TwinHome

LOCAL = stack_file.read("local")


@pytest.fixture(autouse=True)
def twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the checkout's twin be in a temporary folder."""
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "twin"))


def test_a_databases_drill_has_keys_of_its_own_and_else_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    target = find_target("prod", on_twin=False)
    monkeypatch.setenv("BULWARK_DRILL_BRANCH_KEY", "branches")
    assert target.drill_keys("database") is None
    monkeypatch.setenv("BULWARK_DRILL_PROJECT_KEY", "projects")
    monkeypatch.setenv("BULWARK_DRILL_BRANCH_KEY_OTHER_ORDERS", "other")
    assert target.drill_keys("database") == NeonKeys("branches", "projects")
    assert target.drill_keys("other-orders") == NeonKeys("other", "projects")


def drawn(folder: Path) -> list[int | None]:
    """Return the ports of the sample platform on a twin in the folder."""
    drawn = draw_ports(LOCAL, TwinHome(folder))["config"]["bulwark:services"]
    return [urlsplit(service["url"]).port for service in drawn.values()]


def test_the_sample_platforms_ports_are_drawn_once_per_twin(tmp_path: Path) -> None:
    here, elsewhere = drawn(tmp_path / "here"), drawn(tmp_path / "elsewhere")
    assert drawn(tmp_path / "here") == here
    assert None not in here
    assert 0 not in here
    assert here != elsewhere


def test_a_port_that_a_stacks_file_names_is_kept(tmp_path: Path) -> None:
    declared = {"api": {"url": "https://localhost:9443"}, "page": {"url": "https://localhost:0"}}
    drawn = draw_ports({"config": {"bulwark:services": declared}}, TwinHome(tmp_path))["config"]
    assert drawn["bulwark:services"]["api"]["url"] == "https://localhost:9443"
    assert urlsplit(drawn["bulwark:services"]["page"]["url"]).port


def test_a_stack_at_the_vendors_can_not_have_a_drawn_port() -> None:
    content = stack_file.read("prod")
    declared = {"bulwark:services": {"api": {"url": "https://api.example.com:0"}}}
    with pytest.raises(Failure, match=r"services\.api\.url: .*port 0 stands for a drawn port"):
        stack_file.load_settings("prod", {"config": {**content["config"], **declared}})


def test_a_folder_that_can_not_be_made_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "file" / "twin"))
    with pytest.raises(Failure, match="can't be made: Not a directory"):
        find_target("local", on_twin=False)


def test_no_stack_of_the_twin_ends_the_sample_platform_of_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service that runs with other arguments is ended, so that one with other ports has another name."""
    second = LOCAL["config"]["bulwark:services"] | {
        "backend": LOCAL["config"]["bulwark:services"]["backend"] | {"url": "https://localhost:443"}
    }
    content = {"config": LOCAL["config"] | {"bulwark:services": second}}
    monkeypatch.setattr(stack_file, "read", lambda name: LOCAL if name == "local" else content)
    first, other = (
        {each.name: each for each in TwinTarget.find(name).services()} for name in ("local", "staging")
    )
    assert first["platform"].argv != other["platform-staging"].argv
    shared = first.keys() & other.keys()
    assert {name: first[name] for name in shared} == {name: other[name] for name in shared}
    assert first.keys() - shared == {"platform"}


def test_a_local_stack_lives_on_the_twin_and_production_at_the_vendors() -> None:
    assert isinstance(find_target("local", on_twin=False), TwinTarget)
    assert isinstance(find_target("prod", on_twin=True), TwinTarget)
    assert isinstance(find_target("prod", on_twin=False), VendorTarget)


def test_a_stack_at_the_vendors_has_neither_address_nor_key_of_the_twin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("UPTIMEROBOT_API_URL", raising=False)
    monkeypatch.delenv("SENTRY_BASE_URL", raising=False)
    target = find_target("prod", on_twin=False)
    assert (target.aws_endpoint, target.deployer_credentials(), target.role_credentials("writer")) == (
        None,
    ) * 3
    assert target.api_url("neon") == "https://console.neon.tech/api/v2"
    assert target.api_url("uptimerobot") == "https://api.uptimerobot.com/v3"
    assert target.api_url("sentry") == "https://sentry.io/api/"
    assert target.reach_database("postgresql://a@b/c") == "postgresql://a@b/c"


def test_a_stack_on_the_twin_reaches_this_machine_alone() -> None:
    target = find_twin_target("prod")
    target.home.create()
    addresses = [
        target.aws_endpoint,
        target.api_url("neon"),
        target.api_url("uptimerobot"),
        target.api_url("sentry"),
        target.reach_files("https://files.example.com"),
        target.reach_database("postgresql://a@127-pooler.0.0.1:5432/c"),
    ]
    assert {urlsplit(address).hostname for address in addresses} == {"127.0.0.1"}
    assert not target.uses_proxies


def test_a_job_with_a_credential_runs_no_program_with_plugins_that_nobody_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "releases.sha256").touch()
    monkeypatch.setattr(releases, "FILE", tmp_path / "releases.sha256")
    monkeypatch.setenv("CI", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "token")
    with pytest.raises(Failure, match=r"releases\.sha256 has no hash of pulumi-resource-"):
        session.select(find_target("prod", on_twin=False))
    assert find_target("prod", on_twin=True).plugin_environment() == {}


def test_a_stack_of_any_accounts_is_in_the_twins() -> None:
    first, second = "111122223333", "123456789012"
    backups = {
        "account": first,
        "replica": {"account": second, "profile": f"p{first}4"},
        "trail": f"arn:aws:cloudtrail:eu-west-1:{first}:trail/all",
    }
    existing = {"reference": {"issuer": f"arn:aws:iam::{second}:oidc-provider/x"}}
    content = {
        "config": {"bulwark:backups": backups, "bulwark:existing": existing, "bulwark:platform": first}
    }
    taken = take_accounts(content)["config"]
    assert taken["bulwark:backups"] == {
        "account": "123456789012",
        "replica": {"account": "210987654321", "profile": f"p{first}4"},
        "trail": "arn:aws:cloudtrail:eu-west-1:123456789012:trail/all",
    }
    assert taken["bulwark:existing"]["reference"]["issuer"] == "arn:aws:iam::210987654321:oidc-provider/x"
    assert taken["bulwark:platform"] == first
    # One account stays one, and the twin's own stay as they are.
    for replica in ({}, {"account": first}):
        one = take_accounts({"config": {"bulwark:backups": {"account": first, "replica": replica}}})["config"]
        assert set(re.findall(r"\d{12}", str(one))) == {"123456789012"}
    assert take_accounts(LOCAL) == LOCAL
    wrong = {"config": {"bulwark:backups": {"account": "12"}}}
    assert take_accounts(wrong) == wrong
