"""
The Pulumi provider server of the twin's stand-ins, and the protocols that a stand-in implements.

It implements the engine's gRPC protocol directly and not with `pulumi.provider.experimental`, which drops a
diff's old inputs and can't return unknown values (ValueError on computed values in 3.259.0).
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Generator
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
from twin.vendor.faults import Fault

_SDK_PACKAGES = ("pulumi", "pulumi.runtime")


@contextmanager
def stub_sdk_packages() -> Generator[None]:
    """Put empty packages in the place of the SDK, so that the block imports `pulumi.runtime.proto` alone."""
    if "pulumi" in sys.modules:
        yield
        return
    for name in _SDK_PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name  # noqa: S101 - the SDK is a dependency
        sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        yield
    finally:
        for name in _SDK_PACKAGES:
            del sys.modules[name]


with stub_sdk_packages():
    from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

_MESSAGE_LIMIT_BYTES = 400 * 1024 * 1024  # the engine's limit for messages
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_LIMIT_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_LIMIT_BYTES),
]

URN: ContextVar[str] = ContextVar("URN", default="")
"""The URN of the current call's resource. An interrupted creation is repeated under the same URN."""


class StandInError(Exception):
    """A refusal of the vendor, or a failure of the twin; its text is the resource's error message."""


class ResourceGoneError(Exception):
    """Raised by `read` for a resource that no longer exists; the engine then plans to create it."""


@dataclass(frozen=True)
class InputRefusal:
    """An input that is not accepted, and the reason for the user."""

    property: str
    reason: str


class PropertyChange(Enum):
    """Whether a changed property updates or replaces its resource."""

    UPDATE = "update"
    REPLACE = "replace"


class ResourceType(Protocol):
    """A resource type. Its state holds inputs and computed outputs under the provider's names."""

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        """Return the inputs converted and with a generated name, and the refusals of known ones."""
        ...

    def diff(
        self, state: Properties, old_inputs: Properties, inputs: Properties
    ) -> dict[str, PropertyChange]:
        """Compare the state with the inputs; return the changed properties."""
        ...

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        """Return the state after create (`state` is empty) or update, UNKNOWN where only the vendor knows."""
        ...

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        """Create the resource; return its id and state."""
        ...

    def read(self, identifier: str, state: Properties, inputs: Properties) -> tuple[Properties, Properties]:
        """
        Read the resource; return (inputs, state). For an import `state` and `inputs` are empty.

        Raises:
            ResourceGoneError: the resource does not exist.
        """
        ...

    def update(self, identifier: str, state: Properties, inputs: Properties) -> Properties:
        """Update the resource in place; return the new state."""
        ...

    def delete(self, identifier: str, state: Properties) -> None:
        """Delete the resource."""
        ...


class StandIn(Protocol):
    """A provider: its configuration, resource types and functions."""

    def parameterize(self, value: bytes) -> tuple[str, str]:
        """Take the SDK's parameter; return (package name, version)."""
        ...

    def configure(self, configuration: Properties) -> None:
        """Set the provider's inputs. Raises StandInError for inputs that the provider refuses."""
        ...

    def resource_type(self, token: str) -> ResourceType:
        """Return the type of a token such as `neon:index/project:Project`. Raises StandInError if unknown."""
        ...

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Return the result of a data source."""
        ...

    def take_fault(self, token: str) -> Fault | None:
        """Return the planned fault that the creation of such a resource meets after its effect."""
        ...

    def repeats_creation(self, token: str, status: int) -> bool:
        """Tell whether the real provider sends a creation again that was answered with this HTTP status."""
        ...


class ProviderServer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates the engine's calls. Each call has a thread, so resource types may block."""

    def __init__(self, stand_in: StandIn, version: str) -> None:
        self._stand_in = stand_in
        self._version = version

    def _find_resource_type(self, urn: str) -> tuple[ResourceType, str]:
        URN.set(urn)
        return self._stand_in.resource_type(type_of(urn)), urn.rpartition("::")[2]

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
        # Without the version: the engine stores the parameterized one first and the plugin's own one later.
        before, after = from_wire(request.old_inputs), from_wire(request.news)
        changes = sorted(
            name
            for name in before.keys() | after.keys()
            if name != "version" and before.get(name) != after.get(name)
        )
        response = provider_pb2.DiffResponse
        return response(changes=response.DIFF_SOME if changes else response.DIFF_NONE, diffs=changes)

    def Configure(self, request: Any, context: Any) -> Any:
        self._stand_in.configure(from_wire(request.args))
        # No secrets, like the real bridge: the engine unwraps them and marks the same outputs itself.
        return provider_pb2.ConfigureResponse(acceptSecrets=False, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        resource_type, name = self._find_resource_type(request.urn)
        inputs, refusals = resource_type.check(name, from_wire(request.news), from_wire(request.olds))
        return provider_pb2.CheckResponse(
            inputs=to_wire(inputs),
            failures=[provider_pb2.CheckFailure(property=r.property, reason=r.reason) for r in refusals],
        )

    def Diff(self, request: Any, context: Any) -> Any:
        resource_type, _ = self._find_resource_type(request.urn)
        ignored = set(request.ignoreChanges)
        changes = {
            name: change
            for name, change in resource_type.diff(
                from_wire(request.olds), from_wire(request.old_inputs), from_wire(request.news)
            ).items()
            if name not in ignored
        }
        diff_kinds = {
            PropertyChange.UPDATE: provider_pb2.PropertyDiff.UPDATE,
            PropertyChange.REPLACE: provider_pb2.PropertyDiff.UPDATE_REPLACE,
        }
        response = provider_pb2.DiffResponse
        return response(
            changes=response.DIFF_SOME if changes else response.DIFF_NONE,
            diffs=list(changes),
            replaces=[name for name, change in changes.items() if change is PropertyChange.REPLACE],
            detailedDiff={
                name: provider_pb2.PropertyDiff(kind=diff_kinds[change]) for name, change in changes.items()
            },
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        resource_type, _ = self._find_resource_type(request.urn)
        inputs = from_wire(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=to_wire(resource_type.plan({}, inputs)))
        identifier, state = resource_type.create(inputs)
        token = type_of(request.urn)
        if fault := self._stand_in.take_fault(token):
            # No vendor remembers which creations nobody confirmed, as the twin does.
            resource_type.diff(state, inputs, inputs)
            if not self._stand_in.repeats_creation(token, fault.status):
                raise StandInError(_describe(fault))
            identifier, state = resource_type.create(inputs)
        return provider_pb2.CreateResponse(id=identifier, properties=to_wire(state))

    def Read(self, request: Any, context: Any) -> Any:
        resource_type, _ = self._find_resource_type(request.urn)
        try:
            inputs, state = resource_type.read(
                request.id, from_wire(request.properties), from_wire(request.inputs)
            )
        except ResourceGoneError:
            return provider_pb2.ReadResponse(id="")
        identifier = str(state.get("id", request.id))  # an import id may be longer than the id
        return provider_pb2.ReadResponse(id=identifier, inputs=to_wire(inputs), properties=to_wire(state))

    def Update(self, request: Any, context: Any) -> Any:
        resource_type, _ = self._find_resource_type(request.urn)
        state, inputs = from_wire(request.olds), from_wire(request.news)
        after = (
            resource_type.plan(state, inputs)
            if request.preview
            else resource_type.update(request.id, state, inputs)
        )
        return provider_pb2.UpdateResponse(properties=to_wire(after))

    def Delete(self, request: Any, context: Any) -> Any:
        resource_type, _ = self._find_resource_type(request.urn)
        resource_type.delete(request.id, from_wire(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        response = provider_pb2.InvokeResponse()
        result = to_wire(self._stand_in.invoke(request.tok, from_wire(request.args)))
        getattr(response, "return").CopyFrom(result)  # `return` is no Python name
        return response


def type_of(urn: str) -> str:
    """Return the type in a URN."""
    return urn.split("::")[-2].rsplit("$", 1)[-1]


def _describe(fault: Fault) -> str:
    """Return a provider's words for an answer that was an error, or, with the status 0, did not come."""
    if not fault.status:
        return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    return f"{fault.message} (HTTP {fault.status})"


class _ErrorInterceptor(grpc.ServerInterceptor):
    """Turns a StandInError into a gRPC error with its message, and a bug into one with its type."""

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return handler.unary_unary(request, context)
            except StandInError as error:
                context.abort(grpc.StatusCode.UNKNOWN, str(error))
            except NotImplementedError:
                raise
            except Exception as bug:  # noqa: BLE001 - the last line of defence of a plugin process
                # Without the exception's text, which may hold a secret. The log has the trace without values.
                traceback.print_tb(bug.__traceback__)
                failure = f"the twin's stand-in failed with {type(bug).__name__}; its log says where"
                context.abort(grpc.StatusCode.INTERNAL, failure)

        return grpc.unary_unary_rpc_method_handler(
            call,  # pyrefly: ignore[bad-argument-type] - its first argument has another name
            handler.request_deserializer,
            handler.response_serializer,
        )


def serve(stand_in: StandIn, version: str) -> None:
    """Run as a plugin: print the port for the engine, then serve until the engine ends the process."""
    # gRPC's fork handlers crash a child that changes its user before the exec (PostgreSQL, started as root).
    os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "false"
    end_with_engine()
    executor = ThreadPoolExecutor(max_workers=16)
    server = grpc.server(executor, interceptors=[_ErrorInterceptor()], options=_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(ProviderServer(stand_in, version), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)  # noqa: T201 - the plugin protocol
    server.wait_for_termination()
