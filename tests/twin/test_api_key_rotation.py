"""A key of Neon's API leaked: another one takes its place, is proven, and only then the former one ends."""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from clusters import reachable_home
from import_graph import CHECKOUT
from vendor_process import FAST, Twin, running_vendors

from components.settings import Settings, load
from core.failure import Failure
from respond.carry_out import Response, carry_out
from respond.journal import ResponseJournal
from respond.key_file import HeldKey, KeyFile
from respond.rotate_api_key import ROTATE_API_KEY
from respond.step import RespondContext, ResponsePlan, StepOptions
from twin.host.tls import ensure_certificates
from twin.neon.model import Neon
from twin.vendor import faults
from twin.vendor.faults import Fault

pytestmark = pytest.mark.shares("api-keys")

ORGANIZATION = "org-example-00000000"
OTHER = "org-another-00000000"


def read_settings() -> Settings:
    blocks = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    return load({name.removeprefix("bulwark:"): block for name, block in blocks.items()})


@dataclass(frozen=True)
class Account:
    """The account at Neon with the declared project, and one of another organization."""

    twin: Twin
    project: str
    other: str

    def call(self, key: str, method: str, path: str, **body: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"}
        url = f"{self.twin.url}/neon/api/v2{path}"
        return httpx.request(method, url, headers=headers, json=body or None, timeout=30)

    @property
    def first_key(self) -> str:
        """The personal key of the organization's administrator."""
        return self.twin.home.secret("NEON_API_KEY")

    def make_key(self, name: str, path: str = f"/organizations/{ORGANIZATION}/api_keys", **body: Any) -> Any:
        answer = self.call(self.first_key, "POST", path, key_name=name, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def list_keys(self, path: str = f"/organizations/{ORGANIZATION}/api_keys") -> list[Any]:
        return self.call(self.first_key, "GET", path).json()

    def opens(self, key: str) -> int:
        return self.call(key, "GET", f"/projects/{self.project}").status_code

    def context(self, key: str = "") -> RespondContext:
        target: Any = SimpleNamespace(
            name="prod",
            location="vendors",
            settings=read_settings(),
            api_url=lambda vendor: f"{self.twin.url}/{vendor}" + ("/api/v2" if vendor == "neon" else ""),
            uses_proxies=False,
        )
        tokens = {"NEON_API_KEY": key or self.first_key}
        return RespondContext(target, {"database_projects": {"database": self.project}}, tokens)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    declared = read_settings().neon["database"]
    with reachable_home() as home:
        ensure_certificates(home)
        twin, neon = Twin(home), Neon(home)

        def create(organization: str) -> str:
            wanted = {"name": declared.project, "orgId": organization, "regionId": declared.region}
            return neon.create("project", wanted)[0]

        with running_vendors(home, FAST):
            yield Account(twin, create(ORGANIZATION), create(OTHER))
        for _, cluster in neon.list_clusters():
            cluster.destroy()
        neon.store.close()
        twin.close()


@pytest.fixture(autouse=True)
def forget_keys(account: Account) -> Iterator[None]:
    yield
    faults.cancel(account.twin.store, "neon")
    for identifier in account.twin.store.list("neon", "apiKey"):
        account.twin.store.remove("neon", "apiKey", identifier)


def make_plan(account: Account, **options: Any) -> ResponsePlan:
    return ROTATE_API_KEY.plan(account.context(), "database", StepOptions(**options))


def respond(account: Account, journal: Path, caller: str = "", **options: Any) -> Response:
    """Carry the step out as the command does."""
    context, chosen = account.context(caller), StepOptions(**options)
    plan = ROTATE_API_KEY.plan(context, "database", chosen)
    records = ResponseJournal(journal)
    with records.lock():
        return carry_out(
            context,
            ROTATE_API_KEY,
            "database",
            chosen,
            plan=plan,
            journal=records,
            on_progress=lambda _: None,
        )


def read_token(file: Path) -> str:
    return file.read_text().partition("NEON_API_KEY=")[2].strip()


def read_journal(folder: Path) -> str:
    return "".join(file.read_text() for file in folder.glob("*.json"))


def test_a_leaked_key_is_replaced_and_ends_only_in_the_second_call(account: Account, tmp_path: Path) -> None:
    leaked, bystander = account.make_key("ci"), account.make_key("someone else's")
    options = {"key": str(leaked["id"]), "key_file": str(tmp_path / "new.key")}
    assert not make_plan(account, **options).is_done
    assert len(account.list_keys()) == 2  # it only looked
    done = respond(account, tmp_path / "journal", **options)
    assert done.record.outcome == "carried out", done.record
    token = read_token(tmp_path / "new.key")
    assert stat.S_IMODE((tmp_path / "new.key").stat().st_mode) == 0o600
    assert [account.opens(key) for key in (leaked["key"], token)] == [200, 200]
    assert make_plan(account, **options).is_done
    step = done.after.next_step if done.after else ""
    assert f"gh secret set --env production --env-file {tmp_path}/new.key" in step
    assert f"--revoke {leaked['id']}" in step
    ended = respond(
        account, tmp_path / "journal", revoke=str(leaked["id"]), key_file=str(tmp_path / "new.key")
    )
    assert ended.record.outcome == "carried out", ended.record
    assert [account.opens(key) for key in (leaked["key"], token, bystander["key"])] == [401, 200, 200]
    assert sorted(key["name"] for key in account.list_keys()) == [
        f"prod-replaces-{leaked['id']}",
        "someone else's",
    ]
    written = read_journal(tmp_path / "journal")
    assert written
    assert [key for key in (token, leaked["key"], account.first_key) if key in written] == []
    assert token not in repr((done, ended))


def test_a_projects_key_is_replaced_by_one_for_the_same_project(account: Account, tmp_path: Path) -> None:
    leaked = account.make_key("ci", project_id=account.project)
    respond(account, tmp_path / "journal", key=str(leaked["id"]), key_file=str(tmp_path / "new.key"))
    [fresh] = [key for key in account.list_keys() if key["id"] != leaked["id"]]
    assert fresh["project_id"] == account.project
    token = read_token(tmp_path / "new.key")
    assert account.opens(token) == 200
    assert account.call(token, "GET", f"/projects/{account.other}").status_code == 403


def test_a_leaked_personal_key_may_be_the_one_that_calls(account: Account, tmp_path: Path) -> None:
    leaked = account.make_key("mine", "/api_keys")
    file = str(tmp_path / "new.key")
    respond(account, tmp_path / "journal", leaked["key"], key=str(leaked["id"]), key_file=file)
    ended = respond(account, tmp_path / "journal", leaked["key"], revoke=str(leaked["id"]), key_file=file)
    assert ended.record.outcome == "carried out", ended.record
    assert [account.opens(key) for key in (leaked["key"], read_token(tmp_path / "new.key"))] == [401, 200]


def lose_answer(account: Account, _: pytest.MonkeyPatch) -> None:
    lost = Fault("POST", "/api/v2/organizations/.*/api_keys", status=502, applied=True)
    faults.plan(account.twin.store, "neon", lost)


def kill_before_the_file(_: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(KeyFile, "write", kill)


@pytest.mark.parametrize("interrupt", [lose_answer, kill_before_the_file])
def test_a_key_of_an_interrupted_call_is_made_anew_and_no_third_one_stays(
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    interrupt: Callable[[Account, pytest.MonkeyPatch], None],
) -> None:
    leaked = account.make_key("ci")
    options = {"key": str(leaked["id"]), "key_file": str(tmp_path / "new.key")}
    with monkeypatch.context() as interrupted:
        interrupt(account, interrupted)
        try:
            broken = respond(account, tmp_path / "journal", **options)
        except KeyboardInterrupt:
            pass
        else:
            assert broken.record.outcome == "failed"
    [lost] = [key["id"] for key in account.list_keys() if key["id"] != leaked["id"]]
    done = respond(account, tmp_path / "journal", **options)
    assert (done.record.outcome, done.record.runs) == ("carried out", 2)
    [fresh] = [key["id"] for key in account.list_keys() if key["id"] != leaked["id"]]
    assert fresh != lost
    assert account.opens(read_token(tmp_path / "new.key")) == 200
    assert account.opens(leaked["key"]) == 200


def test_a_call_killed_between_its_changes_goes_on_with_the_same_key(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaked = account.make_key("ci")
    options = {"key": str(leaked["id"]), "key_file": str(tmp_path / "new.key")}
    original = KeyFile.write

    def write_and_die(file: KeyFile, key: HeldKey) -> None:
        original(file, key)
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted:
        interrupted.setattr(KeyFile, "write", write_and_die)
        with pytest.raises(KeyboardInterrupt):
            respond(account, tmp_path / "journal", **options)
    token = read_token(tmp_path / "new.key")
    assert make_plan(account, **options).actions[0].is_done
    respond(account, tmp_path / "journal", **options)
    assert make_plan(account, **options).is_done
    assert (read_token(tmp_path / "new.key"), len(account.list_keys())) == (token, 2)


def test_a_new_key_that_is_in_use_is_not_revoked_for_a_file_that_lacks_it(
    account: Account, tmp_path: Path
) -> None:
    leaked = account.make_key("ci")
    respond(account, tmp_path / "journal", key=str(leaked["id"]), key_file=str(tmp_path / "new.key"))
    with pytest.raises(Failure, match="replaces it already"):
        make_plan(account, key=str(leaked["id"]), key_file=str(tmp_path / "another.key"))
    assert account.opens(read_token(tmp_path / "new.key")) == 200


@pytest.mark.parametrize("content", ["", "napi_someone", "# API key {id}\nNEON_API_KEY={key}\n", None])
def test_no_key_is_revoked_without_a_file_with_the_one_that_replaces_it(
    account: Account, tmp_path: Path, content: str | None
) -> None:
    leaked, file = account.make_key("ci"), tmp_path / "old.key"
    respond(account, tmp_path / "journal", key=str(leaked["id"]), key_file=str(tmp_path / "new.key"))
    if content is not None:
        file.write_text(content.format(**leaked))
    with pytest.raises(Failure):
        make_plan(account, revoke=str(leaked["id"]), key_file=str(file))
    [fresh] = [key["id"] for key in account.list_keys() if key["id"] != leaked["id"]]
    file.write_text(f"# API key {fresh}\nNEON_API_KEY=napi_not-the-token\n")
    with pytest.raises(Failure, match="does not work"):
        make_plan(account, revoke=str(leaked["id"]), key_file=str(file))
    assert account.opens(leaked["key"]) == 200


def test_a_wrong_key_is_refused_and_none_is_guessed(account: Account, tmp_path: Path) -> None:
    ours, file = account.make_key("ci"), str(tmp_path / "new.key")
    foreign = account.make_key("ci", f"/organizations/{OTHER}/api_keys")
    for key in ("", "ci", str(foreign["id"]), "1"):
        with pytest.raises(Failure, match="needs a key that is there") as refused:
            make_plan(account, key=key, key_file=file)
        assert f"{ours['id']} ci" in str(refused.value)
    another = Neon(account.twin.home)
    wanted = {"name": "another", "orgId": ORGANIZATION, "regionId": "aws-eu-central-1"}
    beside = another.create("project", wanted)[0]
    scoped = account.make_key("ci", project_id=beside)
    another.delete("project", beside)
    another.store.close()
    with pytest.raises(Failure, match="project of the key"):
        make_plan(account, key=str(scoped["id"]), key_file=file)
    taken = [account.make_key(f"prod-replaces-{ours['id']}")["id"] for _ in range(2)]
    with pytest.raises(Failure, match=f"2 keys have the name .*{taken[0]}, {taken[1]}"):
        make_plan(account, key=str(ours["id"]), key_file=file)
    assert not (tmp_path / "new.key").exists()


def test_an_organizations_key_makes_no_other_and_leaves_no_file(account: Account, tmp_path: Path) -> None:
    leaked, file = account.make_key("ci"), tmp_path / "new.key"
    refused = respond(account, tmp_path / "journal", leaked["key"], key=str(leaked["id"]), key_file=str(file))
    assert refused.record.outcome == "failed"
    assert "personal API key" in refused.record.actions[0].error
    assert not file.exists()
    assert len(account.list_keys()) == 1


def test_a_new_key_overwrites_no_file(account: Account, tmp_path: Path) -> None:
    leaked, file = account.make_key("ci"), tmp_path / "new.key"
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Failure, match="something else"):
        make_plan(account, key=str(leaked["id"]), key_file=str(file))
    with pytest.raises(Failure, match="can't hold a new key"):
        KeyFile(file, "NEON_API_KEY").reserve()
    assert not (tmp_path / "elsewhere").exists()
    assert len(account.list_keys()) == 1
