"""The recovery file: its schema, its documented example, what it refuses, and where its secrets come from."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.failure import Failure
from recovery.recovery_file import PostgresStore, RecoveryFile, build_schema, read_recovery_file
from recovery.secret_reference import MissingSecret, SecretReference
from recovery.store import Store

CHECKOUT = Path(__file__).parents[2]
SECRET = "planted-secret"
MINIMUM: dict[str, Any] = {
    "name": "example",
    "vaults": {"primary": {"bucket": "example-vault", "region": "eu-west-1"}},
    "trust": {"unattested": "accept"},
}
URL = "postgresql://backup@db.example.com/shop?sslmode=verify-full"


def read(folder: Path, content: Any) -> RecoveryFile:
    path = folder / "recovery.yaml"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_recovery_file(path)


def with_database(**database: Any) -> dict[str, Any]:
    return with_store("orders", {"type": "postgres", "url": URL} | database)


def with_store(name: str, store: Any) -> dict[str, Any]:
    return MINIMUM | {"stores": {name: store}}


def with_vault(**vault: Any) -> dict[str, Any]:
    return MINIMUM | {"vaults": {"primary": MINIMUM["vaults"]["primary"] | vault}}


def test_the_committed_schema_of_the_recovery_file_is_that_of_the_models() -> None:
    committed = json.loads((CHECKOUT / "docs" / "recovery.schema.json").read_text())
    assert committed == build_schema(), "run: python -m recovery.recovery_file > docs/recovery.schema.json"


def test_the_documented_recovery_file_is_read_and_fits_the_schema(tmp_path: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / "docs" / "recovery.md").read_text(), re.DOTALL)
    assert len(blocks) == 1
    file = read(tmp_path, blocks[0])
    assert file.named_stores == (Store("database", "orders"), Store("files", "documents"))
    jsonschema.validate(yaml.safe_load(blocks[0]), build_schema())


def test_a_vault_alone_is_enough_and_nothing_is_accepted_by_default(tmp_path: Path) -> None:
    file = read(tmp_path, MINIMUM)
    assert file.named_stores == ()
    assert file.vaults.replica is None
    assert file.vaults.primary
    assert not file.vaults.primary.accept_without_lock
    assert not file.vaults.primary.accept_without_versions


WRONG: dict[str, tuple[Any, str]] = {
    "unknown key": (MINIMUM | {"vault": {}}, "vault: is no key of a recovery file"),
    "unknown key inside": (
        with_vault(accept_without_lokc=True),
        "vaults.primary.accept_without_lokc: is no key of a recovery file",
    ),
    "missing vault": ({"name": "example"}, "vaults: is missing"),
    "nobody trusted": (MINIMUM | {"trust": {}}, "trust: trusts nobody"),
    "no key of an operator": (
        MINIMUM | {"trust": {"operators": [f"ssh-rsa {SECRET}"]}},
        "trust.operators.0: is no public key",
    ),
    "issuer without TLS": (
        MINIMUM
        | {"trust": {"issuer": {"url": "http://example.com", "subjects": {"backup": "a", "restore": "b"}}}},
        "trust.issuer.url: has no TLS",
    ),
    "the issuer's private key": (
        MINIMUM
        | {
            "trust": {
                "issuer": {
                    "url": "https://example.com",
                    "subjects": {"backup": "a", "restore": "b"},
                    "keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1", "x": "AA", "d": SECRET}],
                }
            }
        },
        "trust.issuer.keys.0: is no public JSON Web Key",
    ),
    "attesting key in a variable": (
        MINIMUM | {"attest": {"key": {"env": "KEY"}}},
        "attest: is a file",
    ),
    "text for a switch": (
        with_vault(accept_without_lock="yes"),
        "vaults.primary.accept_without_lock: Input should be a valid boolean",
    ),
    "password in the URL": (
        with_database(url=f"postgresql://backup:{SECRET}@db.example.com/shop?sslmode=verify-full"),
        "stores.orders.url: has a password in it",
    ),
    "password in the query": (
        with_database(url=f"{URL}&password={SECRET}"),
        "stores.orders.url: has a password in it",
    ),
    "password in clear": (
        with_database(password=SECRET),
        "stores.orders.password: is no reference to a secret",
    ),
    "secret of both kinds": (
        with_database(password={"env": "A", "file": "b"}),
        "stores.orders.password: names either",
    ),
    "secret of no kind": (with_database(password={}), "stores.orders.password: names either"),
    "secret from a command": (
        with_database(password={"command": SECRET}),
        "stores.orders.password.command: is no key",
    ),
    "an inventory at another service": (
        MINIMUM
        | {
            "stores": {
                "files": {
                    "type": "s3",
                    "endpoint": "https://example.supabase.co/storage/v1/s3",
                    "region": "eu-central-1",
                    "buckets": ["documents"],
                    "inventory": {"bucket": "lists", "name": "daily"},
                    "credentials": {"access_key_id": {"env": "A"}, "secret_access_key": {"env": "B"}},
                }
            }
        },
        "stores.files: has an inventory, which only S3 of AWS writes",
    ),
    "no TLS": (
        with_database(url="postgresql://backup@db.example.com/shop"),
        "stores.orders.url: allows a connection without TLS",
    ),
    "TLS for one of two hosts": (
        with_database(url="postgresql://backup@127.0.0.1,db.example.com/shop?sslmode=prefer"),
        "stores.orders.url: allows a connection without TLS",
    ),
    "another address behind a local name": (
        with_database(url="postgresql://backup@localhost/shop?hostaddr=192.0.2.1"),
        "stores.orders.url: allows a connection without TLS",
    ),
    "no database": (with_database(url="https://db.example.com"), "stores.orders.url: is no address of a"),
    "endpoint without TLS": (
        with_vault(endpoint="http://s3.example.com"),
        "vaults.primary.endpoint: has no TLS",
    ),
    "endpoint with a user": (
        with_vault(endpoint=f"https://user:{SECRET}@s3.example.com"),
        "vaults.primary.endpoint: is no address of a service",
    ),
    "no type": (with_store("orders", {"url": URL}), "stores.orders: has no `type`"),
    "another type": (
        with_store("orders", {"type": SECRET}),
        "stores.orders: has another `type` than postgres, s3",
    ),
    "no connection": (with_database(connections=0), "stores.orders.connections: Input should be greater"),
    "key of another type": (with_database(region="eu-central-1"), "stores.orders.region: is no key"),
    "files without buckets": (
        with_store("documents", {"type": "s3", "region": "a", "credentials": {}}),
        "stores.documents.buckets: is missing",
    ),
    "capital letter in a name": (
        with_store("Orders", {"type": "postgres", "url": URL}),
        "stores.Orders: is no",
    ),
    "long name": (with_store("o" * 31, {"type": "postgres", "url": URL}), "stores.ooo"),
    "reserved name": (with_store("proof", {"type": "postgres", "url": URL}), "stores.proof: is reserved"),
    "unknown job": (
        with_database() | {"monitors": {"nightly": {}}},
        "monitors: names nightly, which is no store; it can name orders, proof, drill, elsewhere",
    ),
    "unknown environment": (MINIMUM | {"environment": "moon"}, "environment: Input should be"),
    "key twice": ("name: a\nname: b\n", "a key twice"),
    "tag": ("name: !!python/object:os.system {}\n", "it has a tag"),
    "no YAML": ("name: [\n", "it is no YAML"),
    "a list": ("- name\n", "the document: Input should be an object"),
    "nothing": ("", "the document: Input should be an object"),
    "aliases": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"
            for before, name in zip("abcdefg", "bcdefgh", strict=True)
        ),
        "more than 100,000 values",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_recovery_file_is_refused_with_the_path_of_the_key_and_without_its_value(
    tmp_path: Path, case: str
) -> None:
    content, expected = WRONG[case]
    with pytest.raises(Failure) as refused:
        read(tmp_path, content)
    assert expected in str(refused.value)
    assert SECRET not in str(refused.value)
    assert "Next: " in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://backup@localhost/shop",
        "postgresql://backup@127.0.0.1:5433/shop?sslmode=disable",
        "postgresql:///shop?host=/run/postgresql",
        "postgresql://backup@db.example.com/shop?sslmode=require&channel_binding=require",
        "postgres://backup@one.example.com,two.example.com/shop?sslmode=verify-ca",
    ],
)
def test_a_database_on_this_machine_or_with_tls_is_taken(tmp_path: Path, url: str) -> None:
    file = read(tmp_path, with_database(url=url))
    [store] = file.stores.values()
    assert isinstance(store, PostgresStore)
    assert store.url == url


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="has 4 problems") as refused:
        read(tmp_path, {"nam": "example", "vaults": {"primary": {"bucket": "example-vault"}}})
    for path in ("name: is missing", "vaults.primary.region: is missing", "nam: is no key"):
        assert path in str(refused.value)


def test_a_file_that_is_missing_or_too_large_is_named(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="can't be read: No such file"):
        read_recovery_file(tmp_path / "recovery.yaml")
    with pytest.raises(Failure, match="larger than 262,144 bytes"):
        read(tmp_path, "#" * 300_000)


def test_a_secret_comes_from_a_variable_or_from_a_file_without_its_last_line_break(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", SECRET)
    assert SecretReference(env="SHOP_PASSWORD").resolve(tmp_path) == SECRET
    for content in (SECRET, f"{SECRET}\n", f"{SECRET}\r\n"):
        (tmp_path / "secret").write_bytes(content.encode())
        (tmp_path / "secret").chmod(0o640)
        assert SecretReference(file=Path("secret")).resolve(tmp_path) == SECRET
        assert SecretReference(file=tmp_path / "secret").resolve(Path("/nowhere")) == SECRET


def test_a_missing_secret_is_named_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHOP_PASSWORD", raising=False)
    with pytest.raises(MissingSecret, match="SHOP_PASSWORD is not set"):
        SecretReference(env="SHOP_PASSWORD").resolve(tmp_path)
    monkeypatch.setenv("SHOP_PASSWORD", "")
    with pytest.raises(MissingSecret, match="SHOP_PASSWORD is not set"):
        SecretReference(env="SHOP_PASSWORD").resolve(tmp_path)
    with pytest.raises(MissingSecret, match=r"There is no file .*secret"):
        SecretReference(file=Path("secret")).resolve(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o660, 0o601])
def test_a_secret_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "secret").write_text(SECRET)
    (tmp_path / "secret").chmod(mode)
    with pytest.raises(Failure, match=rf"open to others \(mode {mode:04o}\)") as refused:
        SecretReference(file=Path("secret")).resolve(tmp_path)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a\0b", b"x" * 70_000])
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    (tmp_path / "secret").chmod(0o600)
    with pytest.raises(Failure, match="holds no secret"):
        SecretReference(file=Path("secret")).resolve(tmp_path)
