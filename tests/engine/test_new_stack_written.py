"""`./bulwark init` writes a stack's file, and the policies judge it on the twin."""

import pytest
from deployment import Deployment
from terminal import run_in_terminal

pytestmark = pytest.mark.shares("production")

NAMES = ("--no-input", "--name", "shop", "--repository", "acme/shop")
IDS = ("--set", "platform.repository_id=1", "--set", "platform.repository_owner_id=2")
WHOLE = (
    *("--service", "api=https://api.shop.example.com/health", "--service", "web=https://shop.example.com"),
    *("--set", "services.api.checks.health.keyword=well"),
    *("--store", "main=postgres:railway", "--set", "stores.main.region=europe-west4"),
    *("--store", "files=supabase:abcdefghijklmnopqrst", "--set", "stores.files.region=eu-central-1"),
    *("--set", "stores.files.buckets=[documents]"),
    *("--vault", "111122223333/eu-west-1", "--vault", "444455556666/eu-north-1"),
    *("--elsewhere", "backblaze", "--set", "backups.elsewhere.endpoint=https://s3.example.org"),
    *("--set", "backups.elsewhere.region=eu", "--set", "backups.elsewhere.bucket=example-copies"),
    "--set",
    "backups.elsewhere.recipients=[age1wvxjdxuj6e4kc6havchzgfxa2mlmu2zz2h2kc4s4zsgcs43e6a6q224wpd]",
    *("--uptime", "team", "--errors", "acme/platform"),
    *("--channel", "mail=email:ops@example.org", "--channel", "hook=webhook"),
    *("--channel", "chat=slack:acme-talks/#incidents"),
    *("--set", "alerting.channels.hook.escalates=true"),
)


def test_answers_to_all_questions_give_a_stack_that_passes(production: Deployment) -> None:
    installation = production.installation
    made = installation.bulwark("init", "--stack", "shop", "--json", *NAMES, *IDS, *WHOLE)
    assert made.code == 0, made.text[-3_000:]
    assert made.json["verdict"]["passes"]
    assert made.json["secrets"] == [
        *("bulwark:files_access_key_id", "bulwark:files_secret_access_key", "bulwark:main_url"),
        *("bulwark:hook_target", "bulwark:chat_target"),
    ]
    assert made.json["tokens"] == ["UPTIMEROBOT_API_KEY", "SENTRY_AUTH_TOKEN"]
    assert set(made.json["unknown"]) == {"Neon", "Supabase", "UptimeRobot", "Sentry"}
    path = installation.folder / "Pulumi.shop.yaml"
    before = path.read_text()
    again = installation.bulwark("init", "--stack", "shop", *NAMES)
    assert again.code == 1
    assert "There is a Pulumi.shop.yaml already" in again.err
    assert path.read_text() == before


def test_the_answers_that_the_policies_miss_are_named_with_their_options(production: Deployment) -> None:
    some = (
        *("--service", "api=https://api.shop.example.com", "--store", "main=postgres:railway"),
        *("--errors", "acme/platform"),
    )
    made = production.installation.bulwark(
        *("init", "--stack", "less", *NAMES, *IDS, *some, "--set", "stores.main.region=europe-west4")
    )
    assert made.code == 1
    for option in (
        *("--service NAME=ADDRESS/health", "--vault ACCOUNT/REGION", "--elsewhere VENDOR", "--uptime PLAN"),
        "--channel NAME=TYPE:TARGET",
    ):
        assert option in made.out
    assert "Pulumi.less.yaml is written, and " in made.err
    assert "`./bulwark preview --stack less --twin`" in made.err
    preview = production.installation.bulwark("preview", "--stack", "less", "--twin")
    assert (preview.code, "set BULWARK_MAIN_URL to the address" in preview.err) == (1, True), preview.text
    # Nothing that these answers give is named as missing.
    assert not {"--store", "--errors"} & set(made.out.split())
    assert not any(line.startswith("  endpoint-") for line in made.out.splitlines())


def test_an_interview_that_ends_early_leaves_nothing(production: Deployment) -> None:
    installation = production.installation
    screen = run_in_terminal(
        installation.command("init", "--stack", "none"),
        folder=installation.folder,
        environment=installation.environment,
        typed="\nshop\n\x04",
    )
    assert screen.code == 1, screen.text
    assert "Name, which begins every name at the vendors" in screen.text
    assert "nothing was written" in screen.text
    assert not list(installation.folder.glob("*Pulumi.none*"))
