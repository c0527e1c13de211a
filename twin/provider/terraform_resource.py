"""A bridged resource type: it compares and plans as Terraform does, over a vendor's model."""

import re
import secrets
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from twin.provider.schema import Field, ResourceSchema
from twin.provider.server import (
    URN,
    InputRefusal,
    PropertyChange,
    ResourceGoneError,
    ResourceType,
    StandInError,
)
from twin.provider.terraform_diff import Comparison, fill_computed, plan_value
from twin.provider.terraform_spec import ResourceSpec, VendorSpec
from twin.provider.validation import check_types, convert_inputs
from twin.provider.values import Properties
from twin.vendor.errors import VendorError
from twin.vendor.model import VendorModel

_SUFFIX_CHARACTERS = 7
_NO_ID = "missing ID"  # the id that the bridge gives to a resource type without an id


@dataclass(frozen=True)
class BridgedResource(ResourceType):
    """A resource type of a bridged provider."""

    vendor: VendorSpec
    kind: str
    """The resource type's kind in the vendor's model."""
    schema: ResourceSchema
    open_session: Callable[[], VendorModel]
    """Returns the vendor's model after the vendor has accepted the credential."""
    open_writer: Callable[[], VendorModel]
    """Returns the model after the vendor has accepted the credential for a change."""
    open_model: Callable[[], VendorModel]
    """Returns the vendor's model without a credential, for steps in which a provider calls no vendor."""

    @property
    def spec(self) -> ResourceSpec:
        return self.vendor.resources[self.kind]

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        checked, refusals = convert_inputs(inputs, self.schema.inputs)
        if "name" in self.schema.inputs.fields and checked.get("name") is None:
            checked["name"] = _generate_name(name, old_inputs.get("name"))
        if not refusals:
            refusals = [refusal for rule in self.spec.rules for refusal in rule(checked)]
            if not self.vendor.uses_sdk_v2:
                refusals += check_types(checked, self.schema.inputs, self.vendor.fractions)
        return checked, refusals

    def diff(
        self,
        state: Properties,
        old_inputs: Properties,  # noqa: ARG002 - Terraform compares with the state alone
        inputs: Properties,
    ) -> dict[str, PropertyChange]:
        with self._translate_errors("plan", str(state.get("id", ""))):
            self.open_model().confirm(self.kind, self._address(str(state.get("id", "")), state))
        inputs = self._add_defaults(inputs)
        comparison = self._comparison()
        return {
            name: PropertyChange.REPLACE if name in self.spec.replaces else PropertyChange.UPDATE
            for name, field in self._input_fields().items()
            if comparison.differs(name, field, inputs.get(name), state.get(name))
        }

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        inputs = self._add_defaults(inputs)
        fields = {**self.schema.outputs.fields, **self._input_fields()}
        planned = {
            name: plan_value(inputs.get(name), state.get(name), fields[name], new=not state)
            for name in self.schema.outputs.fields
        }
        return {**planned, "id": state["id"]} if "id" in state else planned

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        inputs = self._add_defaults(inputs)
        request = {name: value for name, value in inputs.items() if name not in self.spec.not_on_create}
        with self._translate_errors("create", str(inputs.get("name", ""))):
            identifier, actual = self.open_writer().create(self.kind, self.spec.prepare(request), URN.get())
        identifier = identifier if "id" in actual else _NO_ID
        return identifier, self._compose_state(identifier, inputs, actual)

    def read(self, identifier: str, state: Properties, inputs: Properties) -> tuple[Properties, Properties]:
        address = self._address(identifier, state)
        with self._translate_errors("read", identifier):
            actual = self.open_session().read(self.kind, address)
            if actual is None and self.spec.gone_is_error:
                raise VendorError(404, f"it is gone; see `./bulwark pulumi state delete` for {address}")
        if actual is None:
            raise ResourceGoneError
        self.open_session().confirm(self.kind, address)
        after = self._refresh_state(state, actual)
        after["id"] = actual.get("id", _NO_ID)
        return self._refresh_inputs(inputs, after) if state else self._import_inputs(after), after

    def update(self, identifier: str, state: Properties, inputs: Properties) -> Properties:
        inputs = self._add_defaults(inputs)
        request: Properties = {}
        for name, field in self._input_fields().items():
            configured = inputs.get(name)
            if name in self.spec.only_on_create:
                continue
            if configured is not None:
                request[name] = fill_computed(configured, state.get(name), field.type)
            elif not field.computed and name not in self.spec.managed_when_set:
                request[name] = None
        parents = {name: inputs[name] for name in ("organization", "project") if name in inputs}
        with self._translate_errors("update", identifier):
            actual = self.open_writer().update(
                self.kind, self._address(identifier, {**state, **parents}), self.spec.prepare(request)
            )
        return self._compose_state(identifier, inputs, actual)

    def delete(self, identifier: str, state: Properties) -> None:
        with self._translate_errors("delete", identifier):
            try:
                self.open_writer().delete(self.kind, self._address(identifier, state))
            except VendorError as error:
                if self.spec.gone_fails_delete or error.status not in self.vendor.delete_success_statuses:
                    raise

    def _add_defaults(self, inputs: Properties) -> Properties:
        return {**self.spec.defaults, **{name: value for name, value in inputs.items() if value is not None}}

    def _input_fields(self) -> dict[str, Field]:
        return {
            name: replace(field, computed=field.computed or name in self.spec.computed)
            for name, field in self.schema.inputs.fields.items()
        }

    def _comparison(self) -> Comparison:
        return Comparison(
            self.vendor.scalar_lists_are_sets,
            self.vendor.object_sets,
            self.vendor.uses_sdk_v2,
            self.spec.normalize,
            self.spec.empty_is_value,
        )

    def _address(self, identifier: str, state: Properties) -> str:
        return self.spec.address(identifier, state)

    def _compose_state(self, identifier: str, inputs: Properties, actual: Properties) -> Properties:
        """
        Return the state after create or update.

        It holds the inputs as the program wrote them. Where the vendor's value differs, or the program has no
        value, the vendor's value comes with the next read.
        """
        fields = self._input_fields()
        state: Properties = {"id": actual.get("id", identifier)}
        for name in self.schema.outputs.fields:
            configured, value = inputs.get(name), actual.get(name)
            if name not in fields or name in self.spec.not_on_create:
                state[name] = value
            elif self.vendor.uses_sdk_v2:
                state[name] = configured if value is None else value
            elif configured is not None:
                state[name] = fill_computed(configured, value, fields[name].type)
            else:
                managed = fields[name].computed and name not in self.spec.managed_when_set
                state[name] = value if managed else None
        return state

    def _refresh_state(self, state: Properties, actual: Properties) -> Properties:
        """Return the state after a read; `state` is empty for an import."""
        fields, spec = self._input_fields(), self.spec
        after: Properties = {}
        kept = spec.write_only | spec.hidden(actual)
        for name in self.schema.outputs.fields:
            value, before = actual.get(name), state.get(name)
            is_missing = name in fields and fields[name].required and name not in actual
            if name in kept or is_missing:
                after[name] = before
            elif name in spec.managed_when_set and before is None:
                after[name] = None if state else value or None
            else:
                after[name] = value
        return after

    def _refresh_inputs(self, inputs: Properties, state: Properties) -> Properties:
        """Return the inputs with the state's value in place of each that differs; unset inputs stay unset."""
        fields, comparison = self._input_fields(), self._comparison()
        refreshed: Properties = {}
        for name, configured in inputs.items():
            value = state.get(name)
            if name not in fields or not comparison.differs(name, fields[name], configured, value):
                refreshed[name] = configured
            elif value is not None:
                refreshed[name] = comparison.narrow(configured, value)
        return refreshed

    def _import_inputs(self, state: Properties) -> Properties:
        # A block's id is an output, although the bridge's schema has it among the inputs.
        return {
            name: _drop_id(state[name]) for name in self.schema.inputs.fields if state.get(name) is not None
        }

    @contextmanager
    def _translate_errors(self, operation: str, name: str) -> Generator[None]:
        """Raise a vendor's error as one line: vendor, operation, resource, reason and HTTP status."""
        try:
            yield
        except VendorError as error:
            kind = re.sub(r"([A-Z])", r" \1", self.kind).lower()
            raise StandInError(
                f"{self.vendor.title} refused to {operation} the {kind} {name!r}: {error.message}"
                f" (HTTP {error.status})"
            ) from error
        except sqlite3.Error as error:  # a full disk, for example
            raise StandInError(f"The twin's records of {self.vendor.title} fail: {error}") from error


def _generate_name(logical_name: str, old_name: str | None) -> str:
    """Return the old name, or for a new resource its logical name with a random suffix."""
    if old_name is not None:
        return old_name
    return f"{logical_name}-{secrets.token_hex(_SUFFIX_CHARACTERS)[:_SUFFIX_CHARACTERS]}"


def _drop_id(value: Any) -> Any:
    return {name: item for name, item in value.items() if name != "id"} if isinstance(value, dict) else value
