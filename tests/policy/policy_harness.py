"""Runs rules in the SDK's own servicer, on protobuf messages like those that the engine sends."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policies.decode_once import Servicer
from policies.pack import policies
from policies.rule import Rule
from policies.rules import RULES

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine sends in place of a text that a preview does not know."""

ABSENT = object()
"""As a new value: take the input away."""


def secret(value: Any) -> dict[str, Any]:
    """Mark a value as the engine marks secrets."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


@dataclass(frozen=True)
class Toy:
    """One resource. Without `provider` (the provider's inputs) it is a component."""

    type: str
    name: str
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    parent: str | None = None
    made_from: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Input -> names of the resources whose outputs it is made from."""

    provider: dict[str, Any] | None = None
    outputs: dict[str, Any] | None = None
    """None: what the engine has if nothing is said: a custom resource's inputs, of a component nothing."""

    @property
    def urn(self) -> str:
        return f"urn:pulumi:production::shop::{self.type}::{self.name}"


@dataclass(frozen=True)
class Violation:
    """One diagnostic of the pack."""

    rule: str
    resource: str
    message: str
    level: int


def altered(stack: Sequence[Toy], name: str, **changes: Any) -> list[Toy]:
    """Return the stack with some inputs of one resource changed, or `ABSENT`."""
    assert any(toy.name == name for toy in stack)
    return [
        replace(
            toy,
            inputs={key: value for key, value in {**toy.inputs, **changes}.items() if value is not ABSENT},
            made_from={key: value for key, value in toy.made_from.items() if key not in changes},
        )
        if toy.name == name
        else toy
        for toy in stack
    ]


def without(stack: Sequence[Toy], *names: str) -> list[Toy]:
    """Return the stack without some resources."""
    assert {toy.name for toy in stack} >= set(names)
    return [toy for toy in stack if toy.name not in names]


def servicer(rules: Iterable[Rule] = RULES) -> Servicer:
    """Return the server that the engine would talk to."""
    return Servicer("bulwark", "0.1.0", policies(rules), EnforcementLevel.MANDATORY)


def judged(stack: Sequence[Toy], rules: Iterable[Rule] = RULES) -> list[Violation]:
    """Announce each resource, then the whole stack, as the engine does, and return all diagnostics."""
    server = servicer(rules)
    names = {toy.urn: toy.name for toy in stack}
    urns = {toy.name: toy.urn for toy in stack}
    answers = [server.Analyze(_announcement(toy), None) for toy in stack]
    request = analyzer_pb2.AnalyzeStackRequest(resources=[_final(toy, urns) for toy in stack])
    answers.append(server.AnalyzeStack(request, None))
    return [
        Violation(found.policyName, names.get(found.urn, ""), found.message, found.enforcementLevel)
        for answer in answers
        for found in answer.diagnostics
    ]


def _announcement(toy: Toy) -> analyzer_pb2.AnalyzeRequest:
    return analyzer_pb2.AnalyzeRequest(
        type=toy.type, name=toy.name, urn=toy.urn, properties=_struct(toy.inputs), provider=_provider(toy)
    )


def _final(toy: Toy, urns: dict[str, str]) -> analyzer_pb2.AnalyzerResource:
    outputs = toy.outputs if toy.outputs is not None else toy.inputs if toy.provider is not None else {}
    made_from = {key: [urns[name] for name in names if name in urns] for key, names in toy.made_from.items()}
    return analyzer_pb2.AnalyzerResource(
        type=toy.type,
        name=toy.name,
        urn=toy.urn,
        properties=_struct(outputs),
        provider=_provider(toy),
        parent=urns.get(toy.parent or "", ""),
        dependencies=[urn for found in made_from.values() for urn in found],
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=found) for key, found in made_from.items()
        },
    )


def _provider(toy: Toy) -> analyzer_pb2.AnalyzerProviderResource | None:
    if toy.provider is None:
        return None
    package = toy.type.partition(":")[0]
    return analyzer_pb2.AnalyzerProviderResource(
        type=f"pulumi:providers:{package}", name=package, properties=_struct(toy.provider)
    )


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def production() -> list[Toy]:
    """Return a small stack in which everything is protected, as a first preview sees it."""
    project = Toy(
        "neon:index/project:Project",
        "project",
        {"name": "shop", "regionId": "aws-eu-central-1"},
        parent="database",
        provider={},
    )
    return [
        Toy(
            "bulwark:index:Platform",
            "platform",
            {
                "endpoints": [
                    {"name": "api", "url": "https://api.example.com", "critical": True},
                    {"name": "frontend", "url": "https://example.com", "critical": False},
                ]
            },
        ),
        Toy(
            "bulwark:index:Database",
            "database",
            {"failureDomain": {"provider": "neon", "region": "aws-eu-central-1"}},
            parent="platform",
            outputs={"host": UNKNOWN},
        ),
        project,
        Toy(
            "bulwark:index:ScheduledJob",
            "job",
            {
                "protects": [project.urn],
                "copies": [{"provider": "aws", "account": "123456789012", "region": "eu-west-1"}],
                "schedule": "17 2 * * *",
                "longestRunMinutes": 30,
                "latenessMinutes": 120,
                "retentionDays": 35,
            },
            parent="platform",
            made_from={"protects": ("project",)},
        ),
        monitor("heartbeat", parent="job", type="HEARTBEAT"),
        monitor("health", type="KEYWORD", url="https://api.example.com/health"),
        monitor("frontend", type="HTTP", url="https://example.com/"),
        Toy(
            "uptimerobot:index/alertContact:AlertContact",
            "operations",
            {"type": "email", "isActive": True, "notificationEvents": "up_and_down"},
            provider={},
        ),
        Toy(
            "uptimerobot:index/integration:Integration",
            "incidents",
            {
                "type": "slack",
                "enableNotificationsFor": 1,
                "value": secret("https://hooks.example.com/s3cr3t"),
            },
            provider={},
        ),
        *vault("vault", "eu-west-1"),
        *vault("replica", "eu-north-1"),
        replication("replication", "vault", "replica"),
    ]


def monitor(name: str, parent: str | None = None, **inputs: Any) -> Toy:
    """Return a monitor that tells both contacts of `production`."""
    entry = {"alertContactId": UNKNOWN, "threshold": 0, "recurrence": 0}
    return Toy(
        "uptimerobot:index/monitor:Monitor",
        name,
        {"isPaused": False, "interval": 60, "assignedAlertContacts": [entry, entry], **inputs},
        parent=parent,
        made_from={"assignedAlertContacts": ("operations", "incidents")},
        provider={},
    )


def bucket(name: str, parent: str | None = None, region: str | None = "eu-west-1", **inputs: Any) -> Toy:
    """Return a bucket; `region` is its provider's."""
    return Toy(
        "aws:s3/bucket:Bucket",
        name,
        {"bucket": f"shop-{name}", **inputs},
        parent=parent,
        provider={"region": region} if region else {},
    )


def vault(name: str, region: str) -> list[Toy]:
    """Return a vault with its bucket `<name>-bucket` and access log `<name>-log`."""
    domain = {"provider": "aws", "account": "123456789012", "region": region}
    return [
        Toy("bulwark:index:Vault", name, {"failureDomain": domain, "lockDays": 30}, outputs={"bucket": "x"}),
        bucket(f"{name}-bucket", parent=name, region=None),
        bucket(f"{name}-log", parent=name, region=None),
        Toy(
            "aws:s3/bucketLogging:BucketLogging",
            f"{name}-logging",
            {"bucket": f"shop-{name}-bucket", "targetBucket": UNKNOWN},
            parent=name,
            made_from={"targetBucket": (f"{name}-log",)},
            provider={},
        ),
    ]


def replication(name: str, source: str, target: str, **rule: Any) -> Toy:
    """Return a replication between two vaults, whose target's ARN a first preview does not know."""
    return Toy(
        "aws:s3/bucketReplicationConfig:BucketReplicationConfig",
        name,
        {
            "bucket": f"shop-{source}-bucket",
            "rules": [
                {"status": "Enabled", "filter": {"prefix": ""}, "destination": {"bucket": UNKNOWN}, **rule}
            ],
        },
        made_from={"rules": (f"{target}-bucket",)},
        provider={},
    )
