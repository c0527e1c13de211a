"""
10,000 mutated documents, each read as a command reads it.

A reader returns what the document says, or refuses it with the error that its command shows as a message: no
other exception, no hang, and nothing accepted that the document does not say.
"""

import base64
import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, cast

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import OKPKey
from mutated_documents import mutate_bytes, mutate_json, mutate_yaml
from pydantic import BaseModel
from readiness_reports import outcomes
from sampling import Draw

from cli.attested_documents import read_documents
from core.credential_forms import hide_credentials
from core.documents import DocumentError, read_json
from core.failure import Failure
from engine import plan_file, stack_file
from policies.framework import configuration, drill_history, waivers
from readiness.records import parse as parse_report
from readiness.records import to_json
from recovery.attestation import Trust
from recovery.catalogue import Verification
from recovery.drill.evidence import Drill
from recovery.files.manifest import FileEntry, FilesManifest, format_line, parse_line, split_lines
from recovery.manifest import Manifest
from recovery.postgres.compression import compress
from recovery.postgres.globals import Globals
from recovery.postgres.toc import parse_toc
from recovery.recovery_file import read_recovery_file
from recovery.state import StateManifest, parse_state
from recovery.vault.vault import VaultClient

CHECKOUT: Final = Path(__file__).parents[2]
RECORDED: Final = Path(__file__).parent / "recorded"
NOW: Final = datetime(2026, 6, 1, tzinfo=UTC)
LONGEST_SECONDS: Final = 20
"""For one document, on a busy machine; an unbounded one takes minutes."""

LISTING: Final = (RECORDED / "listing.jsonl").read_bytes()
URN: Final = "urn:pulumi:prod::bulwark::neon:index/project:Project::database"
SECRET: Final = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "ciphertext": "v1:abc",
}
STATE: Final = {
    "version": 3,
    "deployment": {
        "manifest": {"time": "2026-01-15T02:17:00.5+01:00", "version": "v3.259.0"},
        "secrets_providers": {"type": "passphrase", "state": {"salt": "v1:salt"}},
        "resources": [
            {"urn": "urn:pulumi:prod::bulwark::pulumi:pulumi:Stack::bulwark-prod", "outputs": {"a": 1}},
            {"urn": URN, "outputs": {"deep": [{"password": SECRET}]}, "inputs": {"x": [1.5, None, True]}},
        ],
    },
}
PLAN: Final = {
    "manifest": {"time": "2026-01-15T02:17:00Z"},
    "resourcePlans": {
        URN: {
            "steps": ["update"],
            "goal": {"protect": True, "inputDiff": {"updates": {"a": {"b": [SECRET]}}, "deletes": ["c"]}},
        },
        f"{URN}-old": {"steps": ["delete"], "goal": None},
    },
}
CONFIGURATION: Final = {
    "store-drill-is-recent": {"maximum_days": 20, "severity": "high"},
    "vault-is-locked": "advisory",
}
DRILLS: Final = {
    "stores": {
        URN: {"since": "2026-01-15T02:17:00+00:00", "passed": None, "proven": None},
        f"{URN}-2": {"since": None, "passed": "2026-01-16T02:17:00Z", "proven": None},
    },
    "readiness": {"since": "2026-01-15T02:17:00Z", "passed": None},
}
WAIVERS: Final = f"""
- rule: vault-is-locked
  resource: {URN}
  reason: The lock is set by hand until the next release is deployed.
  owner: operations
  ticket: OPS-1
  created: 2026-05-01
  expires: 2026-06-15
- rule: key-rotates
  resource: {URN}-2
  reason: "The key is replaced every ninety days by another program."
  owner: operations
  ticket: OPS-2
  created: "2026-05-01"
  expires: 2026-06-15
""".lstrip()
RECOVERY_FILE: Final = (
    (CHECKOUT / "docs" / "recovery.md").read_text().partition("```yaml\n")[2].partition("```")[0]
)


@dataclass(frozen=True)
class Reader:
    """How a command reads one kind of documents."""

    sample: bytes
    mutate: Callable[[bytes, int], bytes]
    read: Callable[[bytes, Path], Any]
    """Returns what was read, or None for a document that counts as absent."""

    refusals: tuple[type[Exception], ...]
    """What the command shows as a message."""

    says: Callable[[bytes, Any], bool]
    """Whether the document says what was read of it."""


def says_the_same(document: Any, read: Any) -> bool:
    """Tell whether everything in a JSON document is in what was read of it, in value and in type."""
    match document:
        case dict():
            return isinstance(read, dict) and all(
                name in read and says_the_same(value, read[name]) for name, value in document.items()
            )
        case list():
            return (
                isinstance(read, list)
                and len(read) == len(document)
                and all(map(says_the_same, document, read))
            )
        case str():
            return isinstance(read, str) and (
                read in {document, hide_credentials(document)} or is_same_time(document, read)
            )
        case bool() | None:
            return read is document
        case _:
            return not isinstance(read, bool | str | None) and document == read


def is_same_time(one: str, other: str) -> bool:
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except ValueError:
        return False


def model_reader(name: str, model: type[BaseModel]) -> Reader:
    return Reader(
        (RECORDED / name).read_bytes(),
        mutate_json,
        lambda body, _: read_json(body, model),
        (DocumentError,),
        lambda body, read: says_the_same(json.loads(body), json.loads(read.model_dump_json())),
    )


def read_listing(body: bytes, _folder: Path) -> list[FileEntry]:
    return [parse_line(line, "listing") for line in split_lines(compress([body]), max_lines=1_000)]


def says_entries(body: bytes, entries: list[FileEntry]) -> bool:
    return says_the_same(
        [json.loads(line) for line in io.BytesIO(body)], [json.loads(format_line(entry)) for entry in entries]
    )


def mutate_lines(sample: bytes, number: int) -> bytes:
    first, *others = sample.splitlines()
    return b"\n".join([*others, mutate_json(first, number), first]) + b"\n"


def read_settings(body: bytes, _folder: Path) -> Any:
    return stack_file.load_settings("prod", stack_file.parse(body, "Pulumi.prod.yaml"))


def says_settings(body: bytes, read: Any) -> bool:
    blocks = {
        name.removeprefix("bulwark:"): json.loads(json.dumps(block, default=str))
        for name, block in yaml.safe_load(body)["config"].items()
        if name.startswith("bulwark:") and not (isinstance(block, dict) and "secure" in block)
    }
    return says_the_same(blocks, json.loads(read.model_dump_json()))


def read_waivers(body: bytes, folder: Path) -> Any:
    path = folder / "waivers.yaml"
    path.write_bytes(body)
    found = waivers.read(path, today=NOW.date(), rules={"vault-is-locked": True, "key-rotates": True})
    assert all(problem.text.isprintable() for problem in found.problems)
    return found.in_force


def says_waivers(body: bytes, read: Any) -> bool:
    if not read:
        return True
    entries: list[Any] = yaml.safe_load(body)
    return all(
        any(
            all(as_day(entry.get(name, "")) == as_day(value) for name, value in waiver.model_dump().items())
            for entry in entries
            if isinstance(entry, dict)
            and waiver.key == (entry.get("rule"), entry.get("resource"), entry.get("setting", ""))
        )
        for waiver in read.values()
    )


def as_day(value: Any) -> Any:
    match value:
        case date():
            return value.isoformat()
        case str():
            return value.strip()
        case _:
            return value


def read_plan(body: bytes, folder: Path) -> Any:
    path = folder / "plan.json"
    path.write_bytes(body)
    return plan_file.read(path)


def says_plan(body: bytes, read: plan_file.ReviewedPlan) -> bool:
    return {
        urn: frozenset(planned["steps"] or ()) for urn, planned in json.loads(body)["resourcePlans"].items()
    } == {urn: planned.operations for urn, planned in read.items()}


def read_configuration(body: bytes, folder: Path) -> Any:
    (folder / "prod.json").write_bytes(body)
    return configuration.read("prod", folder)


def says_configuration(body: bytes, read: Any) -> bool:
    said = {
        rule: {"enforcementLevel": settings} if isinstance(settings, str) else settings
        for rule, settings in json.loads(body).items()
    }
    return read == {rule: {"enforcementLevel": "mandatory", **settings} for rule, settings in said.items()}


def read_drills(body: bytes, _folder: Path) -> Any:
    return drill_history.read({drill_history.VARIABLE: as_variable(body)}, NOW)


def as_variable(body: bytes) -> str:
    """Return the text that Python has of a variable's bytes, which need not be UTF-8."""
    return body.decode(errors="surrogateescape")


def says_drills(body: bytes, read: Any) -> bool:
    said: dict[str, Any] = json.loads(as_variable(body))
    stores: dict[str, Any] = {**said["stores"], "readiness": said.get("readiness") or {}}
    return says_the_same(
        {urn: {name: as_time(value) for name, value in store.items()} for urn, store in stores.items()},
        {
            urn: {name: as_time(value) for name, value in vars(store).items()} if store else {}
            for urn, store in {**read.stores, "readiness": read.readiness}.items()
        },
    )


def as_time(value: Any) -> str | None:
    """Return a time in UTC, which is the zone of a time without one."""
    time = datetime.fromisoformat(value) if isinstance(value, str) else value
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat() if time else None


def says_state(body: bytes, read: Any) -> bool:
    deployment = json.loads(body)["deployment"]
    return (
        read.resources == len(deployment["resources"])
        and says_the_same(deployment["manifest"]["time"], read.time.isoformat())
        and says_the_same(deployment["secrets_providers"], read.secrets_provider.model_dump(mode="json"))
    )


def read_recovery(body: bytes, folder: Path) -> Any:
    path = folder / "recovery.yaml"
    path.write_bytes(body)
    return read_recovery_file(path)


def write_toc() -> bytes:
    """Return the table of contents of two entries (pg_backup_archiver.c, WriteHead and WriteToc)."""

    def integer(number: int) -> bytes:
        return bytes([number < 0]) + abs(number).to_bytes(4, "little")

    def text(value: str | None) -> bytes:
        return integer(-1) if value is None else integer(len(value)) + value.encode()

    def entry(number: int, kind: str, copy: str) -> bytes:
        return b"".join(
            [
                integer(number),
                integer(1),
                text("1259"),
                text("16385"),
                text("t"),
                text(kind),
                integer(3),
                text("CREATE TABLE t ();"),
                text("DROP TABLE t;"),
                text(copy),
                text("public"),
                text(""),
                text("heap"),
                integer(114),
                text("owner"),
                text("false"),
                text("12"),
                text(None),
                b"\1" + bytes(8),
            ]
        )

    return b"".join(
        [
            b"PGDMP",
            bytes([1, 16, 0, 4, 8, 1, 0]),
            *(integer(number) for number in (1, 2, 3, 4, 5, 126, 0)),
            text("db"),
            text("18.1"),
            text("18.1"),
            integer(2),
            entry(1, "TABLE", ""),
            entry(2, "TABLE DATA", "COPY t FROM stdin;"),
        ]
    )


SIGNING_KEY: Final = OKPKey.generate_key("Ed25519")
DOCUMENT: Final = (RECORDED / "verification.json").read_bytes()
TOKEN: Final = jwt.encode(
    {"alg": "Ed25519", "kid": SIGNING_KEY.thumbprint()},
    {
        "iss": "bulwark-operator",
        "sub": SIGNING_KEY.thumbprint(),
        "aud": hashlib.sha256(DOCUMENT).hexdigest(),
        "iat": 1_780_000_000,
    },
    SIGNING_KEY,
    ["Ed25519"],
).encode()
PUBLIC_KEY: Final = SIGNING_KEY.public_key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def mutate_token(sample: bytes, number: int) -> bytes:
    """Return a mutation of a token: of its text, or of its header or claims under the same signature."""
    parts = sample.split(b".")
    if number % 3 == 0:
        return mutate_bytes(sample, number)
    part = parts[number % 2]
    content = base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    parts[number % 2] = base64.urlsafe_b64encode(mutate_json(content, number)).rstrip(b"=")
    return b".".join(parts)


def read_attestation(token: bytes, _folder: Path) -> str | None:
    """Return what attests the document; None if its fault is found."""
    vault = cast("VaultClient", None)  # it is asked for the keys of an issuer only
    fault = Trust("prod", operator_keys=(PUBLIC_KEY,)).find_fault(vault, DOCUMENT, token, "restore")
    return None if fault else "attested"


def read_printed(body: bytes, folder: Path) -> Any:
    path = folder / "printed.json"
    path.write_bytes(body)
    return read_documents(path)


READERS: Final[dict[str, Reader]] = {
    "database manifest": model_reader("database-manifest.json", Manifest),
    "files manifest": model_reader("files-manifest.json", FilesManifest),
    "state manifest": model_reader("state-manifest.json", StateManifest),
    "globals": model_reader("cluster.json", Globals),
    "verification": model_reader("verification.json", Verification),
    "printed documents": Reader(
        json.dumps(
            {
                "documents": [
                    {"document": DOCUMENT.decode(), "attestation": TOKEN.decode()},
                    {"document": DOCUMENT.decode(), "attestation": None},
                ]
            }
        ).encode(),
        mutate_json,
        read_printed,
        (Failure,),
        lambda body, read: says_the_same(
            json.loads(body)["documents"], [one.model_dump(mode="json") for one in read]
        ),
    ),
    "attestation": Reader(
        TOKEN,
        mutate_token,
        read_attestation,
        (),
        # The signature's text has bits that no byte of the signature is made of.
        lambda token, _: token.split(b".")[:2] == TOKEN.split(b".")[:2],
    ),
    "evidence": model_reader("drill.json", Drill),
    "readiness report": Reader(
        to_json(outcomes(one="passed", two="failed", three="not_looked_at")),
        mutate_json,
        lambda body, _: parse_report(body),
        (DocumentError,),
        lambda body, read: says_the_same(json.loads(body), read.model_dump(mode="json")),
    ),
    "listing": Reader(LISTING, mutate_lines, read_listing, (Failure,), says_entries),
    "compressed listing": Reader(
        b"".join(compress([LISTING])),
        mutate_bytes,
        lambda body, _: [parse_line(line, "listing") for line in split_lines([body], max_lines=1_000)],
        (Failure,),
        lambda _, entries: says_entries(LISTING, entries),
    ),
    "table of contents": Reader(
        write_toc(), mutate_bytes, lambda body, _: parse_toc(io.BytesIO(body)), (Failure,), lambda _, __: True
    ),
    "state": Reader(
        json.dumps(STATE).encode(), mutate_json, lambda body, _: parse_state(body), (Failure,), says_state
    ),
    "plan": Reader(json.dumps(PLAN).encode(), mutate_json, read_plan, (Failure,), says_plan),
    "settings": Reader(
        (CHECKOUT / "Pulumi.prod.yaml").read_bytes(), mutate_yaml, read_settings, (Failure,), says_settings
    ),
    "recovery file": Reader(
        RECOVERY_FILE.encode(),
        mutate_yaml,
        read_recovery,
        (Failure,),
        lambda body, read: says_the_same(
            json.loads(json.dumps(yaml.safe_load(body), default=str)), json.loads(read.model_dump_json())
        ),
    ),
    "waivers": Reader(WAIVERS.encode(), mutate_yaml, read_waivers, (), says_waivers),
    "configuration": Reader(
        json.dumps(CONFIGURATION).encode(),
        mutate_json,
        read_configuration,
        (configuration.ConfigurationError,),
        says_configuration,
    ),
    "history of drills": Reader(json.dumps(DRILLS).encode(), mutate_json, read_drills, (), says_drills),
}
EACH: Final = 560
"""Mutations of each kind: more than 10,000 in all."""


@pytest.mark.parametrize("name", READERS)
def test_a_document_that_was_not_mutated_is_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    read = reader.read(reader.sample, tmp_path)
    assert read
    assert reader.says(reader.sample, read)


@pytest.mark.parametrize("name", READERS)
def test_mutated_documents_are_read_as_what_they_say_or_refused(
    name: str, tmp_path: Path, draw: Draw
) -> None:
    reader = READERS[name]
    unprintable: list[int] = []
    for number in draw(f"mutated documents: {name}", range(EACH), 40):
        body = reader.mutate(reader.sample, number)
        started = time.monotonic()
        try:
            read = reader.read(body, tmp_path)
        except reader.refusals as refusal:
            unprintable += [number] if not str(refusal).replace("\n", "").isprintable() else []
        except Exception as error:
            raise AssertionError(f"mutation {number}: {body[:2000]!r}") from error
        else:
            assert read is None or reader.says(body, read), (number, body[:2000])
        assert time.monotonic() - started < LONGEST_SECONDS, number
    assert not unprintable
