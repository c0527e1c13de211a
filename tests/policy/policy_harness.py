"""Runs rules in the SDK's own servicer, on protobuf messages like those that the engine sends."""

import copy
import json
import marshal
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2
from pulumi_policy import EnforcementLevel

from policies.framework.analyzer import make_servicer
from policies.framework.drill_history import DrillHistory, ReadinessHistory, StoreHistory
from policies.framework.evaluation import Evaluation
from policies.framework.pack import Pack
from policies.framework.rule import Rule
from policies.rules import RULES

UNKNOWN: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine sends in place of a text that a preview does not know."""

ABSENT: Final = object()
"""As a new value: take the input away."""

TODAY: Final = date(2030, 1, 15)
RECORDING: Final = Path(__file__).with_name("production.json")
NOW: Final = datetime.combine(TODAY, time(12), UTC)
NO_WAIVERS: Final = Path(__file__).with_name("none")


def secret(value: Any) -> dict[str, Any]:
    """Mark a value as the engine marks secrets."""
    return {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": value}


@dataclass(frozen=True)
class Toy:
    """One resource of a stack."""

    type: str
    name: str
    inputs: dict[str, Any] = field(default_factory=dict[str, Any])
    parent: str = ""
    made_from: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Input -> names of the resources whose outputs it is made from."""

    depends_on: list[str] = field(default_factory=list[str])
    provider: str = ""
    """Name of the provider, a resource or not; without one it is a component."""

    outputs: dict[str, Any] | None = None
    """None: the inputs."""

    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """protect, ignoreChanges, deleteBeforeReplace, additionalSecretOutputs."""

    @property
    def urn(self) -> str:
        return f"urn:pulumi:prod::bulwark::{self.type}::{self.name}"


@dataclass(frozen=True)
class Violation:
    """One diagnostic of the pack."""

    rule: str
    resource: str
    message: str
    level: int


class StackWithDrills(list[Toy]):
    """A stack with a drill history of its own, instead of the one that `drill_history_of` assumes."""

    def __init__(self, stack: Sequence[Toy], drills: DrillHistory | None) -> None:
        super().__init__(stack)
        self.drills = drills


def drill_history_of(stack: Sequence[Toy]) -> DrillHistory | None:
    """Return the drill history of a stack: by default all passed yesterday."""
    if isinstance(stack, StackWithDrills):
        return stack.drills
    yesterday = StoreHistory(NOW - timedelta(days=99), NOW - timedelta(days=1), NOW - timedelta(days=1))
    ready = ReadinessHistory(NOW - timedelta(days=99), NOW - timedelta(days=1))
    return DrillHistory(NOW, stores={toy.urn: yesterday for toy in stack}, readiness=ready)


@cache
def _recording() -> bytes:
    """Return the recording with the toys' URNs, marshalled: reading it again is the quickest deep copy."""
    toys = [Toy(**one) for one in json.loads(RECORDING.read_text())]
    urns = {toy.name: toy.urn for toy in toys}
    return marshal.dumps([asdict(replace(toy, inputs=_replace_urns(toy.inputs, urns))) for toy in toys])


def production() -> list[Toy]:
    """
    Return production as the engine sends it on a first preview (compared by test_policy_mutations.py).

    URNs in the published facts are those of the toys.
    """
    return [Toy(**one) for one in marshal.loads(_recording())]  # noqa: S302 - written above


def _replace_urns(value: Any, urns: dict[str, str]) -> Any:
    match value:
        case str() if value.startswith("urn:pulumi:"):
            return urns.get(value.rpartition("::")[2], value)
        case dict():
            return {key: _replace_urns(item, urns) for key, item in value.items()}
        case list():
            return [_replace_urns(item, urns) for item in value]
        case _:
            return value


def alter(stack: Sequence[Toy], name: str, /, **changes: Any) -> list[Toy]:
    """
    Return the stack with some inputs of one resource changed, or `ABSENT`.

    Two underscores lead deeper, as in `rule__defaultRetention__days` and `rules__0__status`.
    """
    assert any(toy.name == name for toy in stack), name
    return [_alter(toy, changes) if toy.name == name else toy for toy in stack]


def with_options(stack: Sequence[Toy], name: str, **options: Any) -> list[Toy]:
    """Return the stack with some options of one resource changed."""
    assert any(toy.name == name for toy in stack), name
    return [replace(toy, options={**toy.options, **options}) if toy.name == name else toy for toy in stack]


def without(stack: Sequence[Toy], *names: str) -> list[Toy]:
    """Return the stack without some resources."""
    assert {toy.name for toy in stack} >= set(names)
    return [toy for toy in stack if toy.name not in names]


def find_toy(stack: Sequence[Toy], name: str) -> Toy:
    return next(toy for toy in stack if toy.name == name)


def _alter(toy: Toy, changes: dict[str, Any]) -> Toy:
    inputs, made_from = copy.deepcopy(toy.inputs), dict(toy.made_from)
    for path, value in changes.items():
        first, *_ = steps = [int(step) if step.isdigit() else step for step in path.split("__")]
        at: Any = inputs
        for step in steps[:-1]:
            at = at[step]
        if value is ABSENT:
            del at[steps[-1]]
        else:
            at[steps[-1]] = value
        if len(steps) == 1:
            made_from.pop(str(first), None)
    return replace(toy, inputs=inputs, made_from=made_from)


def servicer(
    rules: Iterable[Rule] = RULES,
    *,
    waivers_file: Path = NO_WAIVERS,
    seen: list[Evaluation] | None = None,
    drills: DrillHistory | None = None,
) -> Any:
    """Return the server that the engine would talk to; judgements are added to `seen`."""
    pack = Pack(rules, today=TODAY, waivers_file=waivers_file, drill_history=drills)
    servicer_class = make_servicer(pack, (lambda _: None) if seen is None else seen.append)
    return servicer_class("bulwark", "0.1.0", pack.policies, EnforcementLevel.MANDATORY)


def find_violations(
    stack: Sequence[Toy], rules: Iterable[Rule] = RULES, *, waivers_file: Path = NO_WAIVERS
) -> list[Violation]:
    """Announce each resource, then the whole stack, as the engine does, and return all diagnostics."""
    server = servicer(rules, waivers_file=waivers_file, drills=drill_history_of(stack))
    names = {toy.urn: toy.name for toy in stack}
    announced, whole = requests_of(stack)
    answers = [server.Analyze(request, None) for request in announced]
    answers.append(server.AnalyzeStack(whole, None))
    return [
        Violation(found.policyName, names.get(found.urn, ""), found.message, found.enforcementLevel)
        for answer in answers
        for found in answer.diagnostics
    ]


def resource_requests(stack: Sequence[Toy]) -> list[analyzer_pb2.AnalyzeRequest]:
    return requests_of(stack)[0]


def stack_request(stack: Sequence[Toy]) -> analyzer_pb2.AnalyzeStackRequest:
    return requests_of(stack)[1]


def requests_of(
    stack: Sequence[Toy],
) -> tuple[list[analyzer_pb2.AnalyzeRequest], analyzer_pb2.AnalyzeStackRequest]:
    """Return what the engine sends of each resource, and then of all of them."""
    encoded = _encode(stack)
    return (
        # New ones each time: the pack judges an unarmed monitor as armed in the message.
        [analyzer_pb2.AnalyzeRequest.FromString(request) for request, _ in encoded],
        # One after the other they are the message of all resources.
        analyzer_pb2.AnalyzeStackRequest.FromString(b"".join(resource for _, resource in encoded)),
    )


def _encode(stack: Sequence[Toy]) -> list[tuple[bytes, bytes]]:
    """Encode the messages of each resource, or return those of an equal one: most cases change one."""
    urns = {toy.name: toy.urn for toy in stack}
    providers = _Providers(stack)
    encoded: list[tuple[bytes, bytes]] = []
    for toy in stack:
        provider = providers.of(toy)
        others = tuple(map(urns.get, (toy.parent, *toy.depends_on, *chain(*toy.made_from.values()))))
        # The version 2 of the format writes equal values equally.
        key = (marshal.dumps(vars(toy), 2), others, provider)
        if key not in _encoded:
            _encoded[key] = _encode_request(toy, provider), _encode_resource(toy, urns, provider)
        encoded.append(_encoded[key])
    return encoded


_encoded: Final[dict[object, tuple[bytes, bytes]]] = {}


def _encode_request(toy: Toy, provider: bytes) -> bytes:
    return analyzer_pb2.AnalyzeRequest(
        type=toy.type, name=toy.name, urn=toy.urn, properties=_struct(toy.inputs), provider=_decode(provider)
    ).SerializeToString()


def _encode_resource(toy: Toy, urns: dict[str, str], provider: bytes) -> bytes:
    made_from = {key: [urns[name] for name in names if name in urns] for key, names in toy.made_from.items()}
    behind = [urns[name] for name in toy.depends_on if name in urns] + [
        urn for found in made_from.values() for urn in found
    ]
    resource = analyzer_pb2.AnalyzerResource(
        type=toy.type,
        name=toy.name,
        urn=toy.urn,
        properties=_struct(toy.inputs if toy.outputs is None else toy.outputs),
        provider=_decode(provider),
        parent=urns.get(toy.parent, ""),
        options=json_format.ParseDict(toy.options, analyzer_pb2.AnalyzerResourceOptions()),
        dependencies=list(dict.fromkeys(behind)),
        propertyDependencies={
            key: analyzer_pb2.AnalyzerPropertyDependencies(urns=found) for key, found in made_from.items()
        },
    )
    return analyzer_pb2.AnalyzeStackRequest(resources=[resource]).SerializeToString()


class _Providers:
    """The providers of a stack's resources, as encoded messages; empty for a component."""

    def __init__(self, stack: Sequence[Toy]) -> None:
        self._declared = {toy.name: toy for toy in reversed(stack)}
        self._encoded: dict[tuple[str, str], bytes] = {}

    def of(self, toy: Toy) -> bytes:
        if not toy.provider:
            return b""
        package = toy.type.partition(":")[0]
        key = (package, toy.provider)
        if key not in self._encoded:
            declared = self._declared.get(toy.provider, Toy(f"pulumi:providers:{package}", toy.provider))
            self._encoded[key] = analyzer_pb2.AnalyzerProviderResource(
                type=declared.type, name=declared.name, urn=declared.urn, properties=_struct(declared.inputs)
            ).SerializeToString()
        return self._encoded[key]


def _decode(provider: bytes) -> analyzer_pb2.AnalyzerProviderResource | None:
    return analyzer_pb2.AnalyzerProviderResource.FromString(provider) if provider else None


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    # By way of JSON, as not all that a stack may hold are values of a message: a tuple is a list.
    return json_format.Parse(json.dumps(values), struct_pb2.Struct())
