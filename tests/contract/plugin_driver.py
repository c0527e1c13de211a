"""A provider plugin driven as the engine drives it, call by call: a real one, or the twin's stand-in."""

import base64
import itertools
import json
import os
import signal
import subprocess
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from twin.provider.values import Properties, from_wire, to_wire

_SCHEMAS = Path(__file__).parents[2] / "schemas"
_SEED = b"0" * 32


@dataclass(frozen=True)
class CheckResult:
    """A plugin's check of inputs: the checked inputs, or the refusals."""

    inputs: struct_pb2.Struct
    refusals: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return not self.refusals


@dataclass(frozen=True)
class PluginResource:
    """A resource as the engine's state holds it."""

    id: str
    inputs: struct_pb2.Struct
    state: struct_pb2.Struct

    @property
    def outputs(self) -> Properties:
        return from_wire(self.state)


@dataclass(frozen=True)
class PlannedChange:
    """A preview of a change: the top-level inputs that change, and those that replace."""

    changes: frozenset[str]
    replaces: frozenset[str]


class Plugin:
    """One provider, configured. Kinds are resource names with a small first letter."""

    def __init__(self, vendor: str, stub: provider_pb2_grpc.ResourceProviderStub) -> None:
        self._vendor = vendor
        self._stub = stub
        self._numbers = itertools.count()

    def check(self, kind: str, inputs: Properties) -> CheckResult:
        """Check inputs as the preview of a new resource does."""
        urn, sent = self._urn(kind), to_wire(inputs)
        try:
            checked = self._stub.Check(
                provider_pb2.CheckRequest(urn=urn, news=sent, olds=to_wire({}), randomSeed=_SEED)
            )
            if checked.failures:
                return CheckResult(sent, tuple(failure.reason for failure in checked.failures))
            self._stub.Create(provider_pb2.CreateRequest(urn=urn, properties=checked.inputs, preview=True))
        except grpc.RpcError as refused:
            return CheckResult(sent, (_error_details(refused),))
        return CheckResult(checked.inputs)

    def create(self, kind: str, inputs: Properties) -> PluginResource:
        """Create a resource. Raise AssertionError with the reasons if it is refused."""
        check = self.check(kind, inputs)
        assert check.accepted, check.refusals
        # To the twin, a repeated URN is a creation that was cut short.
        urn = f"{self._urn(kind)}-{next(self._numbers)}"
        response = self._stub.Create(
            provider_pb2.CreateRequest(urn=urn, properties=check.inputs, timeout=300)
        )
        return PluginResource(response.id, check.inputs, response.properties)

    def plan(self, kind: str, existing: PluginResource, inputs: Properties) -> PlannedChange | CheckResult:
        """Preview a change; return a CheckResult if the new inputs are refused."""
        urn, sent = self._urn(kind), to_wire(inputs)
        try:
            checked = self._stub.Check(
                provider_pb2.CheckRequest(urn=urn, news=sent, olds=existing.inputs, randomSeed=_SEED)
            )
            if checked.failures:
                return CheckResult(sent, tuple(failure.reason for failure in checked.failures))
            diff = self._stub.Diff(
                provider_pb2.DiffRequest(
                    id=existing.id,
                    urn=urn,
                    olds=existing.state,
                    old_inputs=existing.inputs,
                    news=checked.inputs,
                )
            )
        except grpc.RpcError as refused:
            return CheckResult(sent, (_error_details(refused),))
        return PlannedChange(_top_level_inputs(diff.diffs), _top_level_inputs(diff.replaces))

    def find_perpetual_change(self, kind: str, inputs: Properties) -> bool:
        """Create a resource, and tell whether the next run with the same inputs would change it."""
        return self.has_perpetual_change(kind, self.create(kind, inputs), inputs)

    def has_perpetual_change(self, kind: str, existing: PluginResource, inputs: Properties) -> bool:
        """Tell whether a run with the inputs that a resource was made with would change it."""
        found = self.read(kind, existing)
        assert found, f"{kind} {existing.id} is gone"
        plan = self.plan(kind, found, inputs)
        assert isinstance(plan, PlannedChange), plan
        return bool(plan.changes or plan.replaces)

    def read(self, kind: str, existing: PluginResource) -> PluginResource | None:
        """Read a resource again; return None if it is gone."""
        response = self._stub.Read(
            provider_pb2.ReadRequest(
                id=existing.id, urn=self._urn(kind), properties=existing.state, inputs=existing.inputs
            )
        )
        return PluginResource(response.id, response.inputs, response.properties) if response.id else None

    def delete(self, kind: str, existing: PluginResource) -> None:
        self._stub.Delete(
            provider_pb2.DeleteRequest(id=existing.id, urn=self._urn(kind), properties=existing.state)
        )

    def _urn(self, kind: str) -> str:
        token = f"{self._vendor}:index/{kind}:{kind[0].upper()}{kind[1:]}"
        return f"urn:pulumi:test::contract::{token}::one"


@contextmanager
def running_plugin(
    vendor: str, command: Sequence[str | Path], configuration: Properties, **variables: str
) -> Generator[Plugin]:
    """Run the plugin behind `command` as the provider that schemas/<vendor>.json names."""
    schema = json.loads((_SCHEMAS / f"{vendor}.json").read_text())
    with _engine() as engine:
        process = subprocess.Popen(
            [*command, engine],
            env=os.environ | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        assert process.stdout
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                if "parameterization" in schema:
                    value = provider_pb2.ParameterizeRequest.ParametersValue(
                        name=vendor,
                        version=schema["version"],
                        value=base64.b64decode(schema["parameterization"]["parameter"]),
                    )
                    stub.Parameterize(provider_pb2.ParameterizeRequest(value=value))
                stub.Configure(provider_pb2.ConfigureRequest(args=to_wire(configuration)))
                yield Plugin(vendor, stub)
        finally:
            # As the engine ends it, with all of its group: the bridge itself would leave its provider behind
            # (pulumi/pulumi-terraform-bridge#3349).
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            process.stdout.close()


class _Engine(engine_pb2_grpc.EngineServicer):
    """The part of the engine that a plugin uses: a place to log."""

    def Log(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - gRPC's signature
        return empty_pb2.Empty()


@contextmanager
def _engine() -> Generator[str]:
    server = grpc.server(ThreadPoolExecutor(2))
    engine_pb2_grpc.add_EngineServicer_to_server(_Engine(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def _error_details(refused: grpc.RpcError) -> str:
    return str(refused.details())


def _top_level_inputs(names: Sequence[str]) -> frozenset[str]:
    """Reduce paths such as `config.ipVersion` and `tags[0]` to the input that they lie in."""
    return frozenset(name.partition(".")[0].partition("[")[0] for name in names)
