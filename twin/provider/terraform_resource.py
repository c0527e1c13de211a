"""One bridged resource type as the engine sees it: Terraform's ways of planning, over a vendor's model."""

import re
import secrets
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from twin.provider.schema import Field, ResourceSchema
from twin.provider.server import URN, InputRefusal, PropertyChange, ResourceGoneError, StandInError
from twin.provider.terraform_diff import Comparison, filled, foretold
from twin.provider.terraform_spec import ResourceSpec, VendorSpec
from twin.provider.validation import conform, ill_typed
from twin.provider.values import Properties
from twin.vendor.errors import VendorError
from twin.vendor.model import VendorModel

_SUFFIX_CHARACTERS = 7
_NO_ID = "missing ID"  # the bridge's own words for a resource type without an id


@dataclass(frozen=True)
class BridgedResource:
    """Implements `twin.provider.server.Kind`."""

    vendor: VendorSpec
    kind: str
    resource: ResourceSchema
    session: Callable[[], VendorModel]
    """Returns the model once the credential was accepted."""
    unchecked: Callable[[], VendorModel]
    """Returns the model without a call to the vendor, for what a real provider does by itself."""

    @property
    def spec(self) -> ResourceSpec:
        return self.vendor.kinds[self.kind]

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        wanted, refusals = conform(inputs, self.resource.inputs)
        if "name" in self.resource.inputs.fields and wanted.get("name") is None:
            wanted["name"] = _automatic_name(name, old_inputs.get("name"))
        if not refusals:
            refusals = [refusal for rule in self.spec.rules for refusal in rule(wanted)]
            if not self.vendor.old_sdk:
                refusals += ill_typed(wanted, self.resource.inputs, self.vendor.fractions)
        return wanted, refusals

    def diff(
        self,
        state: Properties,
        old_inputs: Properties,  # noqa: ARG002 - Terraform compares with the state alone
        inputs: Properties,
    ) -> dict[str, PropertyChange]:
        with self._told("plan", str(state.get("id", ""))):
            self.unchecked().confirm(self.kind, self._address(str(state.get("id", "")), state))
        wanted = self._complete(inputs)
        comparison = self._comparison()
        return {
            name: PropertyChange.REPLACE if name in self.spec.replaces else PropertyChange.UPDATE
            for name, field in self._inputs().items()
            if comparison.differs(name, field, wanted.get(name), state.get(name))
        }

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        wanted = self._complete(inputs)
        asked = self._inputs()
        planned: Properties = {}
        for name, field in self.resource.outputs.fields.items():
            field_ = asked.get(name, field)
            planned[name] = foretold(wanted.get(name), state.get(name), field_, new=not state)
        return {**planned, "id": state["id"]} if "id" in state else planned

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        wanted = self._complete(inputs)
        sent = {name: value for name, value in wanted.items() if name not in self.spec.not_on_create}
        with self._told("create", str(wanted.get("name", ""))):
            identifier, made = self.session().create(self.kind, self.spec.prepare(sent), URN.get())
        identifier = identifier if "id" in made else _NO_ID
        return identifier, self._state(identifier, wanted, made)

    def read(self, identifier: str, state: Properties, inputs: Properties) -> tuple[Properties, Properties]:
        address = self._address(identifier, state)
        with self._told("read", identifier):
            made = self.session().read(self.kind, address)
            if made is None and self.spec.gone_is_error:
                raise VendorError(404, f"it does not exist any more; see `pulumi state delete` for {address}")
        if made is None:
            raise ResourceGoneError
        self.session().confirm(self.kind, address)
        found = self._found(state, made)
        found["id"] = made.get("id", _NO_ID)
        return self._reflected(inputs, found) if state else self._imported(found), found

    def update(self, identifier: str, state: Properties, inputs: Properties) -> Properties:
        wanted = self._complete(inputs)
        sent: Properties = {}
        for name, field in self._inputs().items():
            said = wanted.get(name)
            if name in self.spec.only_on_create:
                continue
            if said is not None:
                sent[name] = filled(said, state.get(name), field.type)
            elif not field.computed and name not in self.spec.unmanaged:
                sent[name] = None
        where = {name: wanted[name] for name in ("organization", "project") if name in wanted}
        with self._told("update", identifier):
            made = self.session().update(
                self.kind, self._address(identifier, {**state, **where}), self.spec.prepare(sent)
            )
        return self._state(identifier, wanted, made)

    def delete(self, identifier: str, state: Properties) -> None:
        with self._told("delete", identifier):
            try:
                self.session().delete(self.kind, self._address(identifier, state))
            except VendorError as refused:
                if self.spec.gone_fails_delete or refused.status not in self.vendor.forgiven:
                    raise

    def _complete(self, inputs: Properties) -> Properties:
        return {**self.spec.defaults, **{name: value for name, value in inputs.items() if value is not None}}

    def _inputs(self) -> dict[str, Field]:
        return {
            name: replace(field, computed=field.computed or name in self.spec.computed)
            for name, field in self.resource.inputs.fields.items()
        }

    def _comparison(self) -> Comparison:
        return Comparison(
            self.vendor.sets,
            self.vendor.sets_of_objects,
            self.vendor.old_sdk,
            self.spec.alike,
            self.spec.literal,
        )

    def _address(self, identifier: str, state: Properties) -> str:
        return self.spec.address(identifier, state)

    def _state(self, identifier: str, wanted: Properties, made: Properties) -> Properties:
        """
        Return the state after create or update.

        It shows what the program said as the program said it; whatever the vendor made of that, or has where
        the program said nothing, comes to light with the next read.
        """
        asked = self._inputs()
        state: Properties = {"id": made.get("id", identifier)}
        for name in self.resource.outputs.fields:
            said, told = wanted.get(name), made.get(name)
            if name not in asked or name in self.spec.not_on_create:
                state[name] = told
            elif self.vendor.old_sdk:
                state[name] = said if told is None else told
            elif said is not None:
                state[name] = filled(said, told, asked[name].type)
            else:
                state[name] = told if asked[name].computed and name not in self.spec.unmanaged else None
        return state

    def _found(self, state: Properties, made: Properties) -> Properties:
        """Return the state after a read; it is an import when there was none before."""
        asked, spec = self._inputs(), self.spec
        found: Properties = {}
        for name in self.resource.outputs.fields:
            told, before = made.get(name), state.get(name)
            if name in spec.remembered or (name in asked and asked[name].required and name not in made):
                found[name] = before
            elif name in spec.unmanaged and before is None:
                found[name] = None if state else told or None
            else:
                found[name] = told
        return found

    def _reflected(self, inputs: Properties, found: Properties) -> Properties:
        """Return the inputs with what was found different; what the program never said stays unsaid."""
        asked, comparison = self._inputs(), self._comparison()
        reflected: Properties = {}
        for name, said in inputs.items():
            if name not in asked or not comparison.differs(name, asked[name], said, found.get(name)):
                reflected[name] = said
            elif found.get(name) is not None:
                reflected[name] = comparison.narrowed(said, found[name])
        return reflected

    def _imported(self, found: Properties) -> Properties:
        # A block's id is an output, although the bridge's schema has it among the inputs.
        return {
            name: _without_id(found[name])
            for name in self.resource.inputs.fields
            if found.get(name) is not None
        }

    @contextmanager
    def _told(self, act: str, which: str) -> Generator[None]:
        """Turn a vendor's refusal into one line that says who refused what, and why."""
        try:
            yield
        except VendorError as refused:
            words = re.sub(r"([A-Z])", r" \1", self.kind).lower()
            title = self.vendor.title
            raise StandInError(
                f"{title} refused to {act} the {words} {which!r}: {refused.message} (HTTP {refused.status})"
            ) from refused
        except sqlite3.Error as failed:  # a full disk, say
            raise StandInError(f"The twin's records of {self.vendor.title} fail: {failed}") from failed


def _automatic_name(logical_name: str, before: str | None) -> str:
    """Name a resource after its logical name with a random suffix, once; a name that it had, it keeps."""
    if before is not None:
        return before
    return f"{logical_name}-{secrets.token_hex(_SUFFIX_CHARACTERS)[:_SUFFIX_CHARACTERS]}"


def _without_id(value: Any) -> Any:
    return {name: item for name, item in value.items() if name != "id"} if isinstance(value, dict) else value
