"""
The plugin door of the twin: a Pulumi provider server that stand-ins fill with resource kinds.

It speaks the engine's gRPC protocol directly instead of through `pulumi.provider.experimental`, which drops a
diff's old inputs and cannot send unknowns back (ValueError on computed values in 3.259.0).
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import grpc
from google.protobuf import empty_pb2

from core.engine_watch import end_with_engine
from twin.provider.values import Properties, from_wire, to_wire

_SHELLS = ("pulumi", "pulumi.runtime")


@contextmanager
def without_sdk() -> Generator[None]:
    """Let the block import `pulumi.runtime.proto` below empty packages, which are taken away afterwards."""
    if "pulumi" in sys.modules:
        yield
        return
    for name in _SHELLS:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name  # noqa: S101 - the SDK is a dependency
        sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in _SHELLS:
            del sys.modules[name]


with without_sdk():
    from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

_UNLIMITED = 400 * 1024 * 1024  # bytes; the engine's own limit for messages
_OPTIONS = [("grpc.max_receive_message_length", _UNLIMITED), ("grpc.max_send_message_length", _UNLIMITED)]

URN: ContextVar[str] = ContextVar("URN", default="")
"""The resource that the current call is about: a creation that was cut short is repeated under the same."""


class StandInError(Exception):
    """What the vendor would refuse; its text reaches the user as the resource's error."""


class ResourceGoneError(Exception):
    """Raised by `read` for a resource that no longer exists: the engine plans to make it anew."""


@dataclass(frozen=True)
class InputRefusal:
    """One input that is not accepted, with the reason as a person reads it."""

    property: str
    reason: str


class PropertyChange(Enum):
    """What a changed property means for its resource."""

    UPDATE = "update"
    REPLACE = "replace"


class ResourceType(Protocol):
    """One resource type of a stand-in. State holds inputs and computed outputs under the provider's names."""

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        """Complete the inputs (defaults, automatic names) and judge what is known of them."""
        ...

    def diff(
        self, state: Properties, old_inputs: Properties, inputs: Properties
    ) -> dict[str, PropertyChange]:
        """Compare what is with what is wanted: changed property -> what that change means."""
        ...

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        """Foretell the state after create (`state` is empty) or update; UNKNOWN where only the act tells."""
        ...

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Make it; return id and state."""
        ...

    def read(self, identifier: str, state: Properties, inputs: Properties) -> tuple[Properties, Properties]:
        """
        Look at the service; return (inputs, state). For an import, `state` and `inputs` arrive empty.

        Raises:
            ResourceGoneError: when it does not exist.
        """
        ...

    def update(self, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Change it in place; return the new state."""
        ...

    def delete(self, identifier: str, state: Properties) -> None:
        """Remove it."""
        ...


class StandIn(Protocol):
    """A whole provider: its configuration, resource kinds and functions."""

    def parameterize(self, value: bytes) -> tuple[str, str]:
        """Take the SDK's parameter; return (package name, version)."""
        ...

    def configure(self, configuration: Properties) -> None:
        """Take the provider's inputs; may raise StandInError."""
        ...

    def kind(self, token: str) -> ResourceType:
        """Return the kind of a token such as `neon:index/project:Project`; StandInError if unknown."""
        ...

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Answer a data source."""
        ...


class ProviderServer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates the engine's calls. Each runs on a thread of its own, so kinds may block."""

    def __init__(self, stand_in: StandIn, version: str) -> None:
        self._stand_in = stand_in
        self._version = version

    def _kind(self, urn: str) -> tuple[ResourceType, str]:
        URN.set(urn)
        *_, types, name = urn.split("::")
        return self._stand_in.kind(types.rsplit("$", 1)[-1]), name

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=self._version)

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def Parameterize(self, request: Any, context: Any) -> Any:
        name, version = self._stand_in.parameterize(request.value.value)
        return provider_pb2.ParameterizeResponse(name=name, version=version)

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        # Not the version: the engine itself writes the parameterized one first and the plugin's own later.
        before, after = from_wire(request.old_inputs), from_wire(request.news)
        changes = sorted(
            name
            for name in before.keys() | after.keys()
            if name != "version" and before.get(name) != after.get(name)
        )
        answer = provider_pb2.DiffResponse
        return answer(changes=answer.DIFF_SOME if changes else answer.DIFF_NONE, diffs=changes)

    def Configure(self, request: Any, context: Any) -> Any:
        self._stand_in.configure(from_wire(request.args))
        # Like the real bridge, no secrets: the engine unwraps them and marks the same outputs itself.
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        kind, name = self._kind(request.urn)
        inputs, refusals = kind.check(name, from_wire(request.news), from_wire(request.olds))
        return provider_pb2.CheckResponse(
            inputs=to_wire(inputs),
            failures=[provider_pb2.CheckFailure(property=r.property, reason=r.reason) for r in refusals],
        )

    def Diff(self, request: Any, context: Any) -> Any:
        kind, _ = self._kind(request.urn)
        ignored = set(request.ignoreChanges)
        changes = {
            name: change
            for name, change in kind.diff(
                from_wire(request.olds), from_wire(request.old_inputs), from_wire(request.news)
            ).items()
            if name not in ignored
        }
        kinds = {PropertyChange.UPDATE: provider_pb2.PropertyDiff.UPDATE}
        kinds[PropertyChange.REPLACE] = provider_pb2.PropertyDiff.UPDATE_REPLACE
        answer = provider_pb2.DiffResponse
        return answer(
            changes=answer.DIFF_SOME if changes else answer.DIFF_NONE,
            diffs=list(changes),
            replaces=[name for name, change in changes.items() if change is PropertyChange.REPLACE],
            detailedDiff={
                name: provider_pb2.PropertyDiff(kind=kinds[change]) for name, change in changes.items()
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        kind, _ = self._kind(request.urn)
        inputs = from_wire(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=to_wire(kind.plan({}, inputs)))
        identifier, state = kind.create(inputs)
        return provider_pb2.CreateResponse(id=identifier, properties=to_wire(state))

    def Read(self, request: Any, context: Any) -> Any:
        kind, _ = self._kind(request.urn)
        try:
            inputs, state = kind.read(request.id, from_wire(request.properties), from_wire(request.inputs))
        except ResourceGoneError:
            return provider_pb2.ReadResponse(id="")
        identifier = str(state.get("id", request.id))  # an import id may be longer than the id
        return provider_pb2.ReadResponse(id=identifier, inputs=to_wire(inputs), properties=to_wire(state))

    def Update(self, request: Any, context: Any) -> Any:
        kind, _ = self._kind(request.urn)
        state, inputs = from_wire(request.olds), from_wire(request.news)
        after = kind.plan(state, inputs) if request.preview else kind.update(request.id, state, inputs)
        return provider_pb2.UpdateResponse(properties=to_wire(after))

    def Delete(self, request: Any, context: Any) -> Any:
        kind, _ = self._kind(request.urn)
        kind.delete(request.id, from_wire(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        response = provider_pb2.InvokeResponse()
        answer = to_wire(self._stand_in.invoke(request.tok, from_wire(request.args)))
        getattr(response, "return").CopyFrom(answer)  # `return` is no Python name
        return response


class _Errors(grpc.ServerInterceptor):
    """Turns exceptions into gRPC errors whose text is the message alone; a bug shows its type as well."""

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return handler.unary_unary(request, context)
            except StandInError as refused:
                context.abort(grpc.StatusCode.UNKNOWN, str(refused))
            except NotImplementedError:
                raise
            except Exception as bug:  # noqa: BLE001 - the last line of defence of a plugin process
                # No exception text: it could hold a secret. The log has the trace without values.
                traceback.print_tb(bug.__traceback__)
                failure = f"the twin's stand-in failed with {type(bug).__name__}; its log says where"
                context.abort(grpc.StatusCode.INTERNAL, failure)

        return grpc.unary_unary_rpc_method_handler(
            guarded, handler.request_deserializer, handler.response_serializer
        )


def serve(stand_in: StandIn, version: str) -> None:
    """Run as a plugin: print the port for the engine, then serve until the engine ends the process."""
    # Its fork handlers crash a child that changes its user (PostgreSQL's, started as root), before the exec.
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    end_with_engine()
    executor = ThreadPoolExecutor(max_workers=16)
    server = grpc.server(executor, interceptors=[_Errors()], options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ProviderServer(stand_in, version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the plugin protocol
    server.wait_for_termination()


def changed(
    state: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    computed: frozenset[str] = frozenset(),
    replaces: frozenset[str] = frozenset(),
    equal: Callable[[str, Any, Any], bool] = lambda _name, old, new: old == new,
) -> dict[str, PropertyChange]:
    """
    Compare like Terraform does: configuration against prior state.

    A property that is wanted and differs has changed; one that is no longer wanted has changed too,
    unless the service computes it when it is left out (`computed`).
    """
    names = {name for name, value in inputs.items() if value is not None}
    dropped = {name for name, value in state.items() if value is not None} - names - computed
    differing = {name for name in names if not equal(name, state.get(name), inputs[name])}
    return {
        name: PropertyChange.REPLACE if name in replaces else PropertyChange.UPDATE
        for name in sorted(differing | dropped)
    }
