"""The file of a new stack: made of any answers, whatever the vendors call what they have."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.new_stack import repository
from cli.new_stack.answers import STACK_NAME, Answers
from cli.new_stack.blocks import build
from cli.new_stack.inventory import Inventory, SentryOrganization
from cli.new_stack.missing_answers import CAUSES, find_missing_answers
from cli.new_stack.proposals import propose_services, propose_stores
from cli.new_stack.questions import Interview
from cli.new_stack.report import describe_seen
from cli.new_stack.stack_text import create, require_free, write_text
from components.settings import PROJECT, Settings, load
from core.failure import Failure
from live.neon import NeonDatabase, NeonProject
from live.supabase import SupabaseProject
from live.uptimerobot import LiveMonitor
from policies.rules import RULES

IDS = {"platform.repository_id": "1", "platform.repository_owner_id": "2"}
HOSTILE = "a: [b]\n# \x1b[2J\u202e'\"{}&*!|>%@`\x00 …"
"""A name that ends a comment, a quotation or a line, commands a terminal, or turns letters around."""


@pytest.fixture(autouse=True)
def nothing_is_asked_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repository, "_run", lambda _command: "")


def seen(**more: Any) -> Inventory:
    """Return what the vendors show of a team."""
    project = NeonProject(
        id="calm-sea-1", name="shop", org_id="org-acme", region_id="aws-eu-central-1", pg_version=16
    )
    return Inventory(
        neon_plans={"org-acme": "scale"},
        neon=[project],
        supabase=[SupabaseProject(ref="abcdefghijklmnopqrst", name="Shop", region="eu-central-1")],
        monitors=[
            LiveMonitor(
                id=1,
                friendlyName="api",
                type="KEYWORD",
                url="https://api.example.com/health",
                keywordValue="well",
            ),
            LiveMonitor(id=2, friendlyName="job", type="HEARTBEAT"),
            LiveMonitor(id=3, friendlyName="old", type="HTTP", url="http://old.example.com"),
        ],
        sentry=[SentryOrganization("acme", {"platform": "Platform"}, {"api": "node-express"})],
        list_databases=lambda _: [NeonDatabase(name="app", owner_name="app_owner")],
        list_buckets=lambda _: ["documents", "pictures"],
        **more,
    )


def whole(**changes: Any) -> Answers:
    """Return answers to which nothing is missing."""
    answers: dict[str, Any] = {
        "name": "shop",
        "repository": "acme/shop",
        "services": ("api=https://api.example.com/health", "web=https://example.com"),
        "stores": ("database=neon:shop", "files=supabase:abcdefghijklmnopqrst"),
        "vaults": ("123456789012/eu-west-1", "210987654321/eu-north-1"),
        "uptime": "team",
        "errors": "acme/platform",
        "channels": ("mail=email:ops@example.org", "chat=slack:acme/#incidents", "hook=webhook"),
        "values": IDS,
    }
    return Answers(**(answers | changes))


def settings_of(answers: Answers, inventory: Inventory | None = None) -> Settings:
    """Return the settings in the text of the file that the answers give."""
    blocks, problems = build(answers, inventory or seen())
    assert problems == []
    config = yaml.safe_load(write_text("test", blocks))["config"]
    return load({key.removeprefix(f"{PROJECT}:"): block for key, block in config.items()})


def test_what_the_vendors_show_is_in_the_file() -> None:
    found = settings_of(whole())
    database = found.neon["database"]
    assert (database.organization, database.region) == ("org-acme", "aws-eu-central-1")
    assert (database.plan, database.postgres_version) == ("scale", 16)
    assert (database.database, database.owner_role) == ("app", "app_owner")
    assert found.sources["files"].buckets == ("documents", "pictures")
    assert found.services["api"].critical
    assert found.services["api"].checks["health"].keyword == "well"
    assert found.services["api"].checks["health"].watched_by == ("uptimerobot", "sentry")
    assert found.services["api"].errors
    assert found.services["api"].errors.platform == "node-express"
    assert found.errors
    assert found.errors.team_name == "Platform"
    assert found.vaults.replica_account == "210987654321"


@pytest.mark.parametrize("environment", ["production", "staging"])
@pytest.mark.parametrize(
    ("absent", "block"),
    [
        ("services", "services"),
        ("stores", "stores"),
        ("vaults", "backups"),
        ("uptime", "uptime"),
        ("errors", "errors"),
        ("channels", "alerting"),
    ],
)
def test_a_block_that_a_team_has_not_is_left_out(environment: str, absent: str, block: str) -> None:
    answers = whole(environment=environment, **{absent: "" if absent in {"uptime", "errors"} else ()})
    blocks, problems = build(answers, seen())
    assert problems == []
    assert block not in blocks
    assert settings_of(answers).platform.environment == environment


def test_without_a_vendor_that_looks_a_service_has_no_checks() -> None:
    answers = whole(uptime="", errors="")
    assert not any(service.checks for service in settings_of(answers).services.values())
    assert "No vendor looks at these addresses" in write_text("test", build(answers, seen())[0])


def test_all_that_is_missing_or_wrong_is_named_at_once() -> None:
    answers = Answers(
        services=("api",),
        stores=("database=neon:shop", "files=supabase:none-such"),
        vaults=("123/eu-west-1",),
        uptime="gold",
        channels=("mail=email:ops",),
    )
    paths = {problem.path for problem in build(answers, Inventory())[1]}
    assert paths >= {
        *("platform.name", "platform.repository", "--service", "backups.account", "uptime.plan"),
        *("stores.database.organization", "stores.database.region", "stores.database.database"),
        *("stores.files.project", "stores.files.region", "stores.files.buckets"),
        *("backups.replica.region", "alerting.channels.mail.address"),
    }


def test_a_value_is_taken_as_the_setting_has_it() -> None:
    values = {
        **IDS,
        "backups.account": "012345678901",
        "stores.database.plan": "launch",
        "stores.database.quota.compute_hours": "500",
        "services.api.checks.health.keyword": '{"status": "ok"}',
    }
    found = settings_of(whole(values=values))
    assert found.vaults.account == "012345678901"
    assert found.neon["database"].quota.compute_hours == 500
    assert found.services["api"].checks["health"].keyword == '{"status": "ok"}'
    # The next file begins with the same habits.
    settings_of(whole(values={**IDS, "backups.retention.files_days": "99"}))
    assert settings_of(whole()).vaults.retention.files_days == 30


def test_names_of_others_stay_values_of_the_file() -> None:
    inventory = seen()
    inventory.neon[0].name = HOSTILE
    inventory.list_databases = lambda _: [NeonDatabase(name=HOSTILE, owner_name=HOSTILE)]
    inventory.monitors[0].keywordValue = HOSTILE
    inventory.sentry[0] = SentryOrganization("acme", {"platform": HOSTILE}, {"api": HOSTILE})
    blocks, problems = build(whole(stores=("database=neon:calm-sea-1",)), inventory)
    text = write_text("test", blocks)
    config = yaml.safe_load(text)["config"]
    assert config[f"{PROJECT}:stores"]["database"]["project"] == HOSTILE
    assert config[f"{PROJECT}:services"]["api"]["checks"]["health"]["keyword"] == HOSTILE
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    # A name that no setting takes is named, and not written.
    assert {problem.path for problem in problems} >= {
        "stores.database.database",
        "stores.database.owner_role",
        "services.api.errors.platform",
    }


def test_what_exists_is_proposed_in_the_notation_of_the_options() -> None:
    inventory = seen()
    assert propose_services(inventory.monitors) == ["api=https://api.example.com/health"]
    assert propose_stores(inventory) == ["database=neon:shop", "files=supabase:abcdefghijklmnopqrst"]
    again = inventory.neon[0].model_copy(update={"id": "calm-sea-2"})
    other = inventory.neon[0].model_copy(update={"id": "calm-sea-3", "name": "Job 1"})
    inventory.neon += [again, other]
    inventory.list_buckets = lambda _: []
    assert propose_stores(inventory) == [
        "shop=neon:calm-sea-1",
        "shop-2=neon:calm-sea-2",
        "the-job-1=neon:Job 1",
    ]


def test_what_was_seen_and_what_was_not_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEON_API_KEY", "wrong")
    monkeypatch.delenv("SENTRY_AUTH_TOKEN", raising=False)
    unknown = {"Neon": "Neon does not accept the key: \x1b[2J.", "Sentry": "There is no key."}
    assert describe_seen(seen(unknown=unknown)).splitlines() == [
        "The vendors show: 1 project at Neon, 1 project at Supabase, 3 monitors at UptimeRobot, "
        "1 project at Sentry.",
        "Not known, for want of a token in the environment: what is at Sentry (SENTRY_AUTH_TOKEN).",
        "Not known: what is at Neon. Neon does not accept the key: [2J.",
    ]
    assert describe_seen(Inventory()) == ""


TEXTS = st.text(max_size=12) | st.sampled_from(["", "api", "a=b:c", "1/2", HOSTILE])


def some_of(*right: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(right) | TEXTS, max_size=3).map(tuple)


@settings(max_examples=60, deadline=None)
@given(
    answers=st.builds(
        Answers,
        environment=st.sampled_from(["production", "staging"]),
        name=st.sampled_from(["shop"]) | TEXTS,
        repository=st.sampled_from(["acme/shop"]) | TEXTS,
        services=some_of("api=https://api.example.com/health", "web=https://example.com", "api=https://x.y"),
        stores=some_of("database=neon:shop", "main=postgres:railway", "files=supabase:Shop", "m=s3:aws"),
        vaults=some_of("123456789012/eu-west-1", "210987654321/eu-north-1"),
        elsewhere=st.sampled_from(["", "backblaze"]) | TEXTS,
        uptime=st.sampled_from(["", "team", "free"]) | TEXTS,
        errors=st.sampled_from(["", "acme/platform", "acme"]) | TEXTS,
        channels=some_of("mail=email:ops@example.org", "hook=webhook", "chat=slack:acme/#a"),
        values=st.dictionaries(
            st.sampled_from([*IDS, "stores.main.region", "backups", "errors.team", "a", "services.api.url"]),
            TEXTS,
            max_size=3,
        ).map(lambda values: IDS | values),
    )
)
def test_any_answers_give_a_file_that_loads_or_are_named(answers: Answers) -> None:
    blocks, problems = build(answers, seen())
    if problems:
        assert all(problem.path and problem.message for problem in problems)
    else:
        config = yaml.safe_load(write_text("test", blocks))["config"]
        assert load({key.removeprefix(f"{PROJECT}:"): block for key, block in config.items()})


def test_a_file_is_made_once_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.test.yaml"
    create(path, "a: 1\n")
    with pytest.raises(Failure, match="already, which stays as it is"):
        create(path, "a: 2\n")
    assert path.read_text() == "a: 1\n"
    dangling = tmp_path / "Pulumi.link.yaml"
    dangling.symlink_to(tmp_path / "nowhere")
    for occupied in (path, dangling):
        with pytest.raises(Failure, match="already"):
            require_free(occupied)
    with pytest.raises(Failure, match="already"):
        create(dangling, "a: 2\n")
    with pytest.raises(Failure, match="can't be written"):
        create(tmp_path / "none" / "Pulumi.test.yaml", "a: 1\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Pulumi.link.yaml", "Pulumi.test.yaml"]


@pytest.mark.parametrize("name", ["../x", "a/b", ".", "", "a.b", "a b", "-a", "a\n", "a" * 101])
def test_a_stacks_name_is_no_path(name: str) -> None:
    assert not STACK_NAME.fullmatch(name)


class Person:
    """Answers questions in order, and remembers what was shown."""

    def __init__(self, *answers: str) -> None:
        self._answers: Iterator[str] = iter(answers)
        self.shown: list[str] = []

    def ask(self, prompt: str) -> str:
        self.shown.append(prompt)
        return next(self._answers)

    def interview(self, inventory: Inventory, answers: Answers | None = None) -> Answers:
        interview = Interview(inventory, ask=self.ask, tell=self.shown.append)
        found = interview.complete(answers or Answers(), default_name="shop", default_repository="acme/shop")
        assert list(self._answers) == []
        return found

    @property
    def text(self) -> str:
        return "\n".join(self.shown)


def test_each_answer_is_checked_at_once_and_asked_for_again() -> None:
    person = Person(
        *("My Shop", "shop", ""),
        *("api", "api=http://api.example.com/", "api=https://api.example.com/health", ""),
        *("main=postgres:railway", ""),
        *("12/eu", "123456789012/eu-west-1", "123456789012/eu-west-1", "210987654321/eu-north-1", ""),
        *("gold", "team", "acme/platform"),
        *("mail=email:ops", "mail=email:ops@example.org", "", "well"),
        *("x", "1", "2", "eu-west-4"),
    )
    answers = person.interview(Inventory())
    for said in (
        *("must match the pattern", "is not NAME=ADDRESS", "must be an https:// address"),
        *("the primary vault is there too", "'gold'; is none of", "must be a whole number"),
    ):
        assert said in person.text
    found = settings_of(answers, Inventory())
    assert found.services["api"].checks["health"].keyword == "well"
    assert found.stores["main"].region == "eu-west-4"


def test_what_the_vendors_show_can_be_chosen_by_number_or_left() -> None:
    person = Person(*("", ""), *("all", ""), *("3", "2", ""), "none", *("", ""), "", *("", "1", "2"))
    answers = person.interview(seen())
    assert answers.services == ("api=https://api.example.com/health",)
    assert answers.stores == ("files=supabase:abcdefghijklmnopqrst",)
    assert (answers.vaults, answers.uptime, answers.errors) == ((), "team", "acme/platform")
    assert "'3' is no list of numbers up to 2" in person.text


def test_what_options_give_is_not_asked_for() -> None:
    person = Person("none")
    assert person.interview(seen(), whole()) == whole()
    assert person.shown == ["Vendor of an encrypted copy at another cloud, such as backblaze [none]: "]


def test_answers_are_written_as_the_options_that_give_them() -> None:
    assert Answers(name="shop", stores=("a=neon:x", "b=s3:aws"), values=IDS).list_options() == [
        *("--environment", "production", "--name", "shop", "--store", "a=neon:x", "--store", "b=s3:aws"),
        *("--set", "platform.repository_id=1", "--set", "platform.repository_owner_id=2"),
    ]


def test_a_refusing_policy_is_told_as_the_answer_that_it_wants() -> None:
    assert set(CAUSES) <= {rule.id for rule in RULES}
    found, others = find_missing_answers(
        settings_of(whole(vaults=(), uptime="")),
        ["store-is-proven", "store-has-copy-elsewhere", "job-has-heartbeat", "no-long-lived-key"],
    )
    assert [answer.setting for answer in found] == ["backups", "backups.elsewhere", "uptime"]
    assert found[0].policies == ("store-is-proven",)
    assert others == ["no-long-lived-key"]


def test_github_tells_the_numbers_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(repository, "_run", lambda command: calls.append(command) or "[11, 22]")
    answers = repository.add_repository_ids(Answers(repository="acme/shop"))
    assert answers.values == {"platform.repository_id": "11", "platform.repository_owner_id": "22"}
    assert calls == [["gh", "api", "repos/acme/shop", "--jq", "[.id, .owner.id]"]]
    # Not where they are given, or are none, and not with what is no repository.
    for other in (answers, whole(values={"platform.immutable_subject": "false"}), Answers(repository="acme")):
        assert repository.add_repository_ids(other) == other
    assert len(calls) == 1
    monkeypatch.setattr(repository, "_run", lambda _: '{"message": "Not Found"}')
    assert repository.add_repository_ids(Answers(repository="acme/shop")).values == {}
