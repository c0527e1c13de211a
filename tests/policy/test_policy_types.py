"""The classes of resource types: the tables, the rules that they are made by, and what a stack adds."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest
from policy_harness import NO_WAIVERS, Toy, find_violations, secret, servicer, stack_request
from pulumi.runtime.proto import analyzer_pb2

from policies import type_table
from policies.facts.resource_types import (
    CLASSIFIED_BY,
    FOLDER,
    TypeClass,
    TypeName,
    classify,
    read_secrets,
    read_table,
)
from policies.rules import RULES

PACKAGES: Final = {
    "aiven",
    "aws",
    "azure",
    "azure-native",
    "clickhouse",
    "cloudflare",
    "confluentcloud",
    "digitalocean",
    "fly-machines",
    "flyio",
    "gcp",
    "github",
    "kubernetes",
    "linode",
    "mongodbatlas",
    "neon",
    "planetscale",
    "railway",
    "rediscloud",
    "render",
    "sentry",
    "snowflake",
    "supabase",
    "timescale",
    "upstash",
    "uptimerobot",
    "vercel",
}
READ: Final = type_table.all_rules()
BACKUP: Final = next(rule for rule in RULES if rule.id == "store-has-independent-backup")
CLASSIFIED: Final = next(rule for rule in RULES if rule.id == CLASSIFIED_BY)
INDEX: Final = 'resource_modules="""\n[{"classes": {"acme:index/store:Store": "Store"}}]\n"""'


def test_every_package_of_the_audience_is_read_and_has_a_table() -> None:
    packages = {rules.package for rules in READ}
    assert packages >= PACKAGES
    assert packages == {path.stem for path in FOLDER.glob("*.json")}


@pytest.mark.parametrize("rules", READ, ids=lambda rules: rules.package)
def test_a_table_is_what_its_rules_make_of_its_types(rules: type_table.TypeRules) -> None:
    text = (FOLDER / f"{rules.package}.json").read_text()
    source = json.loads(text)["source"]
    types = type_table.read_installed(rules.sdk) if rules.sdk else None
    if rules.sdk and (types is None or source != f"{rules.sdk} {types.version}"):
        # The SDK is not here: the table must still be what the rules make of the types that it lists.
        types = type_table.PackageTypes(source.rpartition(" ")[2], frozenset(read_table(rules.package)))
    assert type_table.generate(rules, types, review=False) == text


def test_the_table_of_the_pinned_aws_sdk_covers_all_its_types() -> None:
    types = type_table.read_installed("pulumi-aws")
    assert types
    assert types.names == set(read_table("aws"))
    assert json.loads((FOLDER / "aws.json").read_text())["source"] == f"pulumi-aws {types.version}"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("aws:rds/instance:Instance", TypeClass.HOLDS_DATA),
        ("aws:iam/accessKey:AccessKey", TypeClass.CREDENTIAL),
        ("aws:lambda/functionUrl:FunctionUrl", TypeClass.EXPOSES),
        ("aws:iam/role:Role", TypeClass.NEITHER),
        ("aws:cloudformation/stack:Stack", TypeClass.NOT_CLASSIFIED),
        ("azure-native:storage/v20230101:StorageAccount", TypeClass.HOLDS_DATA),
        ("kubernetes:core/v1:PersistentVolumeClaim", TypeClass.HOLDS_DATA),
        ("kubernetes:example.com/v1:Database", TypeClass.NOT_CLASSIFIED),
        ("neon:index/apiKey:ApiKey", TypeClass.CREDENTIAL),
        ("acme:index/database:Database", TypeClass.NOT_CLASSIFIED),
        ("../aws:s3/bucket:Bucket", TypeClass.NOT_CLASSIFIED),
        ("", TypeClass.NOT_CLASSIFIED),
    ],
)
def test_a_type_is_looked_up_and_never_guessed(token: str, expected: TypeClass) -> None:
    assert classify(token) is expected


def test_which_inputs_are_secret_is_read_from_the_code_of_an_sdk() -> None:
    assert type_table.read_installed_secrets("pulumi-aws", "rds/instance.py") == {
        TypeName("rds", "Instance"): ("password", "passwordWo")
    }
    assert read_secrets("aws")[TypeName("rds", "Instance")] == ("password", "passwordWo")
    assert read_secrets("mongodbatlas")[TypeName("index", "DatabaseUser")] == ("password", "passwordWo")
    assert read_secrets("../aws") == {}


@pytest.mark.parametrize(
    ("token", "inputs", "refused"),
    [
        ("kubernetes:core/v1:Secret", {"stringData": {"a": "b"}}, True),
        ("kubernetes:core/v1:Secret", {"stringData": secret({"a": "b"})}, False),
        ("mongodbatlas:index/databaseUser:DatabaseUser", {"password": "a"}, True),
        ("mongodbatlas:index/databaseUser:DatabaseUser", {"password": secret("a")}, False),
        ("acme:index/user:User", {"password": "a"}, False),
    ],
)
def test_an_input_is_a_secret_where_its_schema_says_so(
    token: str, inputs: dict[str, Any], *, refused: bool
) -> None:
    (rule,) = [one for one in RULES if one.id == "secret-is-marked"]
    assert bool(find_violations([Toy(token, "made", inputs, provider="some")], [rule])) is refused


def rules_file(folder: Path, text: str) -> type_table.TypeRules:
    path = folder / "acme.rules"
    path.write_text(text)
    return type_table.read_rules(path)


def test_a_wildcard_covers_what_was_reviewed_and_not_what_is_new(tmp_path: Path) -> None:
    rules = rules_file(tmp_path, "sdk: pulumi-acme\nholds-data:\n    Store\nneither: *\n")
    old = TypeName("index", "Old")
    types = type_table.PackageTypes(
        "2.0.0", frozenset({old, TypeName("index", "Store"), TypeName("index", "New")})
    )
    assert type_table.classify_types(rules, types, frozenset({old})) == {
        old: TypeClass.NEITHER,
        TypeName("index", "Store"): TypeClass.HOLDS_DATA,
        TypeName("index", "New"): TypeClass.NOT_CLASSIFIED,
    }


@pytest.mark.parametrize(
    "text",
    [
        "holds-data:\n    Store Store\n",
        "holds-data:\n    Store\nneither:\n    Store\n",
        "    Store\n",
        "perhaps:\n    Store\n",
    ],
)
def test_rules_that_contradict_themselves_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(type_table.TypeRulesError):
        rules_file(tmp_path, text)


def test_rules_that_name_a_type_which_is_not_there_are_refused(tmp_path: Path) -> None:
    rules = rules_file(tmp_path, "sdk: pulumi-acme\nholds-data:\n    Stroe\n")
    types = type_table.PackageTypes("1.0.0", frozenset({TypeName("index", "Store")}))
    with pytest.raises(type_table.TypeRulesError, match="Stroe"):
        type_table.classify_types(rules, types, frozenset())


def test_the_types_of_a_wheel_and_of_a_source_distribution_are_read(tmp_path: Path) -> None:
    wheel = tmp_path / "pulumi_acme-1.2.3-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pulumi_acme/__init__.py", INDEX)
    source = tmp_path / "pulumi_acme-1.2.3.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        entry = tarfile.TarInfo("pulumi_acme-1.2.3/pulumi_acme/__init__.py")
        entry.size = len(INDEX)
        archive.addfile(entry, io.BytesIO(INDEX.encode()))
    expected = type_table.PackageTypes("1.2.3", frozenset({TypeName("index", "Store")}), {})
    assert type_table.read_archive(wheel) == type_table.read_archive(source) == expected


def judge(token: str, settings: dict[str, Any]) -> dict[str, str]:
    """Return rule -> message for a resource of this type, where a stack classifies types."""
    server = servicer([BACKUP, CLASSIFIED], waivers_file=NO_WAIVERS)
    config = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.MANDATORY)
    config.properties.update(settings)
    server.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig={CLASSIFIED_BY: config}), None)
    toys = [Toy("pulumi:pulumi:Stack", "shop-prod"), Toy(token, "thing", provider="given")]
    found = server.AnalyzeStack(stack_request(toys), None).diagnostics
    return {one.policyName: one.message for one in found}


@pytest.mark.parametrize(
    ("token", "settings", "refused"),
    [
        ("acme:index/store:Store", {}, {CLASSIFIED_BY}),
        ("acme:index/store:Store", {"hold_nothing": ["acme:index/store:Store"]}, set()),
        ("acme:index/store:Store", {"hold_data": ["acme:index/store:Store"]}, {BACKUP.id}),
        ("acme:index/store:Store", {"hold_nothing": ["acme:index/other:Other"]}, {CLASSIFIED_BY}),
        # What the pack has classified, a stack can't take out.
        ("aws:rds/instance:Instance", {"hold_nothing": ["aws:rds/instance:Instance"]}, {BACKUP.id}),
        # Who says both gets the stricter.
        (
            "acme:index/store:Store",
            {"hold_nothing": ["acme:index/store:Store"], "hold_data": ["acme:index/store:Store"]},
            {BACKUP.id},
        ),
    ],
)
def test_a_stack_classifies_what_the_pack_has_not(
    token: str, settings: dict[str, Any], refused: set[str]
) -> None:
    assert set(judge(token, settings)) == refused


def test_a_type_that_is_not_classified_is_reported_once() -> None:
    toys = [Toy("acme:index/store:Store", f"store-{number}", provider="given") for number in range(3)]
    found = find_violations(toys, [CLASSIFIED])
    assert [one.resource for one in found] == ["store-0"]
    assert "so are 2 more resources" in found[0].message


@pytest.mark.parametrize(
    ("token", "inputs", "refused"),
    [
        ("kubernetes:apps/v1:StatefulSet", {"spec": {"volumeClaimTemplates": [{}]}}, True),
        ("kubernetes:apps/v1:StatefulSet", {"spec": {"replicas": 1}}, False),
        ("railway:index/service:Service", {"volume": {"mountPath": "/data"}}, True),
        ("railway:index/service:Service", {}, False),
    ],
)
def test_some_types_hold_data_with_one_input_alone(token: str, inputs: dict[str, Any], refused: bool) -> None:
    assert bool(find_violations([Toy(token, "thing", inputs, provider="given")], [BACKUP])) is refused
