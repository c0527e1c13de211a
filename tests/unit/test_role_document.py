"""The document of a role: what it has to hold, and what is said of one that can't be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.github_log import mask_secrets
from components.recovery_description import NEEDS, DeployedValues, describe_role
from core.failure import Failure
from engine.targets import find_target
from recovery.attestation import Trust
from recovery.context import RecoveryContext
from recovery.recovery_file_context import RecoveryFilePlace, open_named_store
from recovery.role_document import FORMAT, RoleDocument, parse_role_document

PASSWORD = "s3cr3t/of the backup role"
SECRET = "planted-secret"
URL = "https://monitor.example.com/planted-secret"
PLACE = "aws-secret:example/jobs/backup-writer"
VALUES = DeployedValues(
    databases={
        "database": "postgresql://backup:s3cr3t%2Fof%20the%20backup%20role@db.example.com/app?sslmode=verify-full"
    },
    files={
        "files": {
            "endpoint": "https://files.example.com",
            "region": "eu-central-1",
            "buckets": ["documents"],
            "access_key_id": "planted-secret-id",
            "secret_access_key": SECRET,
        }
    },
    heartbeat_urls=dict.fromkeys(("database", "files", "proof", "drill", "elsewhere"), URL),
    checkin_urls=dict.fromkeys(("database", "files", "proof", "drill", "elsewhere"), URL),
    projects={"database": "cool-sky-12345678"},
)


def describe(role: Any = "backup-writer") -> dict[str, Any]:
    return describe_role(find_target("prod", on_twin=False).settings, "prod", role, VALUES)


def refusal_of(content: Any) -> str:
    text = content if isinstance(content, str) else json.dumps(content)
    with pytest.raises(Failure) as refused:
        parse_role_document(text, PLACE)
    assert SECRET not in str(refused.value)
    assert PASSWORD not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("role", NEEDS)
def test_a_role_document_is_what_recovery_reads_and_names_no_secret_in_its_recovery_file(role: Any) -> None:
    document = parse_role_document(json.dumps(describe(role)), PLACE)
    assert (document.format, document.role, document.recovery.name) == (FORMAT, role, "prod")
    shown = document.recovery.model_dump_json()
    assert [secret for secret in (PASSWORD, "s3cr3t", SECRET) if secret in shown] == []
    assert document.secrets.get("BULWARK_DATABASE_PASSWORD", PASSWORD) == PASSWORD
    assert SECRET not in repr(document)
    # Small enough that a platform with twenty databases has room in AWS Secrets Manager, which takes 64 KiB.
    assert len(json.dumps(describe(role))) < 3_200


def test_each_role_document_has_the_secrets_of_its_own_job_alone() -> None:
    monitors = {
        job: {f"BULWARK_{job}_{kind}_URL" for kind in ("HEARTBEAT", "CHECKIN")}
        for job in ("DATABASE", "FILES", "PROOF", "DRILL", "ELSEWHERE")
    }
    assert {role: set(describe(role)["secrets"]) for role in NEEDS} == {
        "backup-writer": {
            "BULWARK_DATABASE_PASSWORD",
            "BULWARK_FILES_ACCESS_KEY_ID",
            "BULWARK_FILES_SECRET_ACCESS_KEY",
            *monitors["DATABASE"],
            *monitors["FILES"],
            *monitors["PROOF"],
        },
        "driller": {"BULWARK_DATABASE_PASSWORD", *monitors["DRILL"]},
        "copier": monitors["ELSEWHERE"],
    }
    projects = {
        role: [store.get("project") for store in describe(role)["recovery"]["stores"].values()]
        for role in NEEDS
    }
    assert projects == {"backup-writer": [None, None], "driller": ["cool-sky-12345678"], "copier": []}


def test_a_role_document_says_how_many_connections_a_backup_may_take() -> None:
    settings = find_target("prod", on_twin=False).settings
    database = settings.databases["database"]
    backup = database.backup.model_copy(update={"connections": 5})
    stores = {**settings.stores, "database": database.model_copy(update={"backup": backup})}
    described = describe_role(settings.model_copy(update={"stores": stores}), "prod", "backup-writer", VALUES)
    file = parse_role_document(json.dumps(described), PLACE).recovery
    context = open_named_store(
        RecoveryContext("prod", {}, {}, {}, Trust("prod")),
        file,
        RecoveryFilePlace(PLACE, Path()),
        "database",
        is_read=False,
    )
    assert context.connections == 5


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "it is no JSON"),
        (f'{{"secrets": "{SECRET}', "it is no JSON"),
        ([], "the document"),
        ({"secrets": {"A": SECRET}}, "format: is missing"),
        ({**describe(), "format": "bulwark-role-2"}, "written by another version"),
        ({**describe(), "format": SECRET}, "format: "),
        ({**describe(), "password": SECRET}, "password: is no key"),
        ({**describe(), "secrets": {"BULWARK_FILES_SECRET_ACCESS_KEY": SECRET}}, "lacks the secret BULWARK_"),
        ({**describe(), "secrets": [SECRET]}, "secrets: "),
        ({**describe(), "recovery": {"name": SECRET}}, "recovery.vaults: is missing"),
    ],
)
def test_a_document_that_is_no_role_document_is_refused_without_a_value_of_it(
    content: Any, says: str
) -> None:
    assert says in refusal_of(content)


def test_a_document_that_is_larger_than_a_secret_can_be_is_refused() -> None:
    assert "no JSON" in refusal_of(json.dumps(describe() | {"secrets": {"A": "a" * 70_000}}))


def test_github_hides_each_secret_in_each_form_and_nothing_is_written_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    mask_secrets([PASSWORD])
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    mask_secrets([PASSWORD, "two\nlines", "abc", "100%"])
    out, err = capsys.readouterr()
    assert out == ""
    assert sorted(err.splitlines()) == [
        "::add-mask::100%25",
        "::add-mask::100%2525",
        "::add-mask::lines",
        "::add-mask::s3cr3t%252Fof%2520the%2520backup%2520role",
        f"::add-mask::{PASSWORD}",
    ]


def test_the_secrets_of_a_role_document_are_not_in_its_text() -> None:
    document = RoleDocument.model_validate_json(json.dumps(describe()))
    assert PASSWORD not in str(document)
    assert URL not in str(document)
