"""What `./bulwark ready` asks AWS and the hosts: each check is seen green and red on the twin."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_role import ACCOUNT
from aws_twin import Service
from generated_files import PRODUCTION
from vendor_process import Twin, eventually, running_twin

from components.settings import VercelSettings, load
from core.failure import Failure
from live import keys
from live.aws_access import AwsAccess
from live.declared import DeclaredStack
from live.vendor_api import WritingApi
from live.vendor_apis import open_writing_api
from readiness.check import Observation
from readiness.checks.vendors import (
    canary_error_is_told,
    deployments_can_return,
    host_secrets_are_sensitive,
    keys_are_alive,
)
from readiness.live_platform import ErrorTracking, HostVendor, LivePlatform
from recovery.vault.client import AccessKey
from twin.aws.administrator import administrator_key
from twin.railway.model import Railway
from twin.vercel.model import VARIABLE, Vercel

pytestmark = pytest.mark.shares("aws-authorization")

SETTINGS = load(PRODUCTION)
NOTHING: Any = None
PLATFORM = LivePlatform("prod", "--stack prod", SETTINGS, NOTHING, NOTHING, Path())
TOKENS = {"railway": "RAILWAY_TOKEN", "vercel": "VERCEL_API_TOKEN"}


@pytest.mark.parametrize("end", ["disabled", "to be deleted"])
def test_a_key_that_cant_be_used_turns_red(service: Service, end: str) -> None:
    kms, administrator = service.client("kms"), administrator_key(service.home, ACCOUNT)
    names = ("backups-vault-key", "backups-replica-key")
    ids = {name: kms.create_key()["KeyMetadata"]["KeyId"] for name in names}
    type_ = "aws:kms/key:Key"
    declared = DeclaredStack(
        {"urn": f"urn:pulumi:prod::bulwark::{type_}::{name}", "type": type_, "id": id_, "custom": True}
        for name, id_ in ids.items()
    )
    access = AwsAccess(
        service.url,
        find_key=lambda: AccessKey(administrator.id, administrator.secret),
        find_replica_key=lambda: None,
    )
    platform = replace(PLATFORM, read_keys=partial(keys.read_states, declared, access))
    seen = keys_are_alive.CHECK.look(platform)
    assert (set(seen.measured), seen.problems) == (set(names), [])
    if end == "disabled":
        kms.disable_key(KeyId=ids[names[1]])
    else:
        kms.schedule_key_deletion(KeyId=ids[names[1]])
    [problem] = keys_are_alive.CHECK.look(platform).problems
    assert problem.startswith(f"the key {names[1]} ")
    assert ("Disabled" if end == "disabled" else "PendingDeletion, to be deleted on") in problem


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with running_twin(tmp_path_factory.mktemp("hosts")) as twin:
        backend, frontend = SETTINGS.hosts["backend"], SETTINGS.hosts["frontend"]
        assert backend.type == "railway"
        assert frontend.type == "vercel"
        place = (backend.service, backend.environment)
        Railway(twin.home).add_service(*place, backend.project, name="backend", port=4711)
        Vercel(twin.home).add_project(frontend.project, frontend.team, name="frontend", port=4712)
        yield twin


def look(twin: Twin, check: Any, **hosts: VercelSettings) -> Observation:
    target: Any = SimpleNamespace(api_url=lambda vendor: f"{twin.url}/{vendor}", uses_proxies=False)

    @contextmanager
    def open_host(vendor: HostVendor) -> Generator[WritingApi]:
        with open_writing_api(target, vendor, twin.home.secret(TOKENS[vendor])) as api:
            yield api

    services = {
        name: service.model_copy(update={"host": hosts[name]}) if name in hosts else service
        for name, service in SETTINGS.services.items()
    }
    settings = SETTINGS.model_copy(update={"services": services})
    return check.CHECK.look(replace(PLATFORM, settings=settings, open_host=open_host))


def test_a_service_that_ran_once_has_nothing_to_return_to(twin: Twin) -> None:
    railway, vercel = Railway(twin.home), Vercel(twin.home)
    backend, frontend = SETTINGS.hosts["backend"], SETTINGS.hosts["frontend"]
    assert backend.type == "railway"
    assert frontend.type == "vercel"
    lacking = [f"{name} has no other deployment that can run again" for name in ("backend", "frontend")]
    assert look(twin, deployments_can_return).problems == lacking
    railway.deploy(backend.service, backend.environment, commit="second")
    assert look(twin, deployments_can_return).problems == lacking[1:]
    vercel.deploy(frontend.project, commit="second")
    seen = look(twin, deployments_can_return)
    assert seen.problems == []
    assert "commit second" in seen.measured["backend, in use"]
    assert "commit second" in seen.measured["frontend, in use"]


@pytest.mark.parametrize("name", ["SESSION_SECRET", "PAYMENT_API_KEY"], ids=["declared", "by its name"])
def test_a_secret_that_members_can_read_turns_red(twin: Twin, name: str) -> None:
    host = SETTINGS.hosts["frontend"]
    assert host.type == "vercel"
    vercel = Vercel(twin.home)
    variable = {
        "projectId": host.project,
        "teamId": host.team,
        "value": "example",
        "targets": ["production"],
    }
    frontend = host.model_copy(update={"secrets": ("SESSION_SECRET",)})
    made = [
        vercel.create(VARIABLE, {**variable, "key": key, "sensitive": key == "SESSION_SECRET"})[0]
        for key in ("SESSION_SECRET", "VITE_API_KEY")
    ]
    assert look(twin, host_secrets_are_sensitive, frontend=frontend).problems == []
    if name == "SESSION_SECRET":
        vercel.delete(VARIABLE, made[0])
        [missing] = look(twin, host_secrets_are_sensitive, frontend=frontend).problems
        assert missing == "SESSION_SECRET of frontend is declared, and Vercel has none"
        made.remove(made[0])
    made.append(vercel.create(VARIABLE, {**variable, "key": name, "sensitive": False})[0])
    assert look(twin, host_secrets_are_sensitive, frontend=frontend).problems == [
        f"{name} of frontend is encrypted at Vercel"
    ]
    for identifier in made:
        vercel.delete(VARIABLE, identifier)


def test_a_host_that_refuses_the_token_is_unknown(twin: Twin) -> None:
    target: Any = SimpleNamespace(api_url=lambda vendor: f"{twin.url}/{vendor}", uses_proxies=False)
    platform = replace(PLATFORM, open_host=lambda vendor: open_writing_api(target, vendor, "wrong"))
    for check in (deployments_can_return, host_secrets_are_sensitive):
        with pytest.raises(Failure):
            check.CHECK.look(platform)


ERRORS: Any = SETTINGS.errors


@pytest.fixture(scope="module")
def dsn(twin: Twin) -> str:
    where = {"organization": ERRORS.organization}
    twin.sentry.create("team", {**where, "name": "ops"})
    twin.sentry.create("project", {**where, "name": "api", "teams": ["ops"], "defaultKey": False})
    monitor = twin.sentry.read_data_source("getProjectErrorMonitor", {**where, "project": "api"})["id"]
    mail = {"email": {"targetType": "issue_owners"}}
    twin.sentry.create(
        "alert",
        {
            **where,
            "name": "api new",
            "monitorIds": [monitor],
            "frequencyMinutes": 5,
            "triggerConditions": [{"firstSeenEvent": {}}],
            "actionFilters": [{"logicType": "all", "conditions": [], "actions": [mail]}],
        },
    )
    key = twin.sentry.create("key", {**where, "project": "api", "name": "k"})[1]
    return str(key["dsn"]["public"])


def send(twin: Twin, dsn: str) -> Observation:
    target: Any = SimpleNamespace(
        api_url=lambda _: f"{twin.url}/sentry/api/",
        uses_proxies=False,  # as a stack's target has it
    )
    token = twin.home.secret("SENTRY_AUTH_TOKEN")
    tracking = ErrorTracking(
        lambda: open_writing_api(target, "sentry", token), lambda: {"backend": dsn}, uses_proxies=False
    )
    return canary_error_is_told.CHECK.look(replace(PLATFORM, errors=tracking))


def test_a_canary_error_becomes_an_issue_fires_its_alert_and_is_resolved(twin: Twin, dsn: str) -> None:
    seen = send(twin, dsn)
    assert (seen.problems, len(seen.measured)) == ([], 2)
    assert seen.measured["backend, an alert"].endswith(", api new")
    issues = twin.store.list("sentry", "issue").values()
    assert [(issue["project"], issue["status"]) for issue in issues] == [("api", "resolved")]
    mail = eventually(lambda: twin.received("email:issue_owners"))[-1]
    assert "Canary of bulwark ready" in mail["subject"]


@pytest.mark.parametrize("key", ["0" * 32, ""], ids=["another key", "another project"])
def test_an_error_that_the_intake_refuses_turns_red(twin: Twin, dsn: str, key: str) -> None:
    own = dsn.split("//")[1].partition("@")[0]
    [problem] = send(twin, dsn.replace(own, key) if key else f"{dsn}0").problems
    assert problem.startswith("backend: ")
    assert own not in problem


def test_an_error_that_is_told_to_nobody_turns_red(
    twin: Twin, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canary_error_is_told, "LONGEST_SECONDS", 1.0)
    [alert] = twin.store.list("sentry", "alert")
    twin.sentry.update("alert", alert, {"enabled": False})
    assert send(twin, dsn).problems == ["no alert of backend fires within 1 s of a new error"]
    twin.sentry.update("alert", alert, {"enabled": True})
