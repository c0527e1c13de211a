"""What all AWS resource types share: checks, plans, comparison with AWS, tags and regions."""

import secrets
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from twin.aws.provider.account import Account, translate_errors
from twin.aws.provider.creations import AwsCallError
from twin.provider.rules import InputRule
from twin.provider.schema import ObjectSchema
from twin.provider.server import URN, InputRefusal, PropertyChange, ResourceGoneError, ResourceType
from twin.provider.validation import convert_inputs
from twin.provider.values import UNKNOWN, Properties, has_unknown

_SUFFIX_CHARACTERS = 7


class AwsResource(ResourceType, ABC):
    """
    A resource type of AWS. A subclass makes the calls to AWS: `_create`, `_read`, `_update` and `_delete`.

    The state holds AWS's values. Where an input means the same as AWS's value, the state holds the input as
    the program wrote it.
    """

    label: ClassVar[str]
    """The resource type's name in error messages, such as `S3 Bucket`."""
    input_schema: ClassVar[ObjectSchema]
    rules: ClassVar[tuple[InputRule, ...]] = ()
    defaults: ClassVar[Properties] = {}
    unmodelled: ClassVar[frozenset[str]] = frozenset()
    """Inputs of the real provider that the twin does not have."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS decides about when they are left out."""
    replaces: ClassVar[frozenset[str]] = frozenset()
    write_only: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS does not store, such as forceDestroy."""
    outputs: ClassVar[tuple[str, ...]] = ()
    regional: ClassVar[bool] = True
    tagged: ClassVar[bool] = False
    name_property: ClassVar[str | None] = None
    """The input that gets a name generated from the logical name when the program leaves it out."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @abstractmethod
    def _create(self, inputs: Properties) -> str:
        """Create the resource with all its settings; return its id."""

    @abstractmethod
    def _read(self, identifier: str, state: Properties) -> Properties | None:
        """Return all properties under the provider's names (all tags as `tagsAll`); None when it is gone."""

    @abstractmethod
    def _update(self, identifier: str, state: Properties, inputs: Properties) -> None:
        """Change the resource's settings from `state` to `inputs`."""

    @abstractmethod
    def _delete(self, identifier: str, state: Properties) -> None:
        """Delete the resource; one that is gone already is no error."""

    def normalize(self, name: str, value: Any) -> Any:
        """Bring the value of input `name` into a form in which values that mean the same are equal."""
        del name
        return _drop_empty(value)

    def generate_name(self, logical_name: str) -> str:
        return f"{logical_name}-{secrets.token_hex(_SUFFIX_CHARACTERS)[:_SUFFIX_CHARACTERS]}"

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        modelled = {key: value for key, value in inputs.items() if key not in self.unmodelled}
        checked, refusals = convert_inputs(modelled, self.input_schema)
        refusals += [
            InputRefusal(key, f"the twin's aws does not model {key} of {self.label}")
            for key in sorted(inputs.keys() & self.unmodelled)
            if inputs[key] is not None
        ]
        if not refusals:
            complete = self._add_defaults(checked)
            refusals = [refusal for rule in self.rules for refusal in rule(complete)]
        if self.name_property and not refusals:
            self._fill_name(checked, self.name_property, name, old_inputs.get(self.name_property))
        return checked, refusals

    def diff(
        self,
        state: Properties,
        old_inputs: Properties,  # noqa: ARG002 - Terraform compares with the state alone
        inputs: Properties,
    ) -> dict[str, PropertyChange]:
        inputs = self._add_defaults(inputs)
        names = self.input_schema.fields.keys() - {"region", "tags"}
        changed = {name for name in names if self._differs(name, inputs.get(name), state.get(name))}
        if self.tagged and self._plan_tags(inputs) != (state.get("tagsAll") or {}):
            changed |= {"tags", "tagsAll"}
        if self.regional and state.get("region") not in {None, self.region(inputs)}:
            changed.add("region")
        replaces = self.replaces | {"region"}
        return {
            name: PropertyChange.REPLACE if name in replaces else PropertyChange.UPDATE
            for name in sorted(changed)
        }

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        inputs = self._add_defaults(inputs)
        configured = self.input_schema.fields.keys() - self.computed
        planned = {name: value for name, value in state.items() if name not in configured} | inputs
        if not state:
            planned |= dict.fromkeys((*self.outputs, *(self.computed - inputs.keys())), UNKNOWN)
        if self.tagged:
            planned["tagsAll"] = self._plan_tags(inputs)
        if self.regional:
            planned["region"] = self.region(inputs)
        return planned

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        inputs = self._add_defaults(inputs)
        with translate_errors(f"creating {self.label} ({self._display_name(inputs)})"):
            identifier = self._create(inputs)
            return identifier, self._read_state(identifier, inputs)

    def read(self, identifier: str, state: Properties, inputs: Properties) -> tuple[Properties, Properties]:
        self._confirm_creation()
        before = state or self._add_defaults({})
        if not state and self.regional and "@" in identifier:
            # AWS provider, "Enhanced Region Support": an import names another region than the provider's so.
            identifier, _, before["region"] = identifier.rpartition("@")
        with translate_errors(f"reading {self.label} ({identifier})"):
            actual = self._read(identifier, before)
        if actual is None:
            raise ResourceGoneError
        after = self._compose_state(identifier, before, actual)
        return self._refresh_inputs(inputs, after) if state else self._import_inputs(after), after

    def update(self, identifier: str, state: Properties, inputs: Properties) -> Properties:
        inputs = self._add_defaults(inputs)
        with translate_errors(f"updating {self.label} ({identifier})"):
            self._update(identifier, state, inputs)
            return self._read_state(identifier, inputs)

    def delete(self, identifier: str, state: Properties) -> None:
        self._confirm_creation()
        with translate_errors(f"deleting {self.label} ({identifier})"):
            self._delete(identifier, state)

    def region(self, properties: Properties) -> str:
        return properties.get("region") or self.account.region

    def tags(self, inputs: Properties) -> dict[str, str]:
        """Return the provider's default tags and the resource's own; the inputs must be known."""
        return {**self.account.default_tags, **(inputs.get("tags") or {})}

    def compare_tags(self, state: Properties, inputs: Properties) -> tuple[list[str], dict[str, str]]:
        """Return the names of the tags that an update removes, and all tags to set: none if none differs."""
        tags, old_tags = self.tags(inputs), state.get("tagsAll") or {}
        return sorted(old_tags.keys() - tags.keys()), tags if tags != old_tags else {}

    def _fill_name(self, inputs: Properties, property_: str, logical_name: str, old_name: Any) -> None:
        """
        Set the name that the program leaves out, and remove the name prefix from the inputs.

        The old name stays if it has the prefix. A new one begins with the prefix or with the logical name.
        """
        prefix = inputs.pop(f"{property_}Prefix", None)
        if inputs.get(property_) is not None or prefix is UNKNOWN:
            return
        if isinstance(old_name, str) and old_name.startswith(prefix or ""):
            inputs[property_] = old_name
        else:
            inputs[property_] = (
                self.generate_name(logical_name) if prefix is None else _complete_prefix(prefix)
            )

    def _plan_tags(self, inputs: Properties) -> Any:
        own_tags = inputs.get("tags") or {}
        return UNKNOWN if has_unknown(own_tags) else self.tags(inputs)

    def _add_defaults(self, inputs: Properties) -> Properties:
        return {**self.defaults, **{name: value for name, value in inputs.items() if value is not None}}

    def _differs(self, name: str, configured: Any, actual: Any) -> bool:
        if has_unknown(configured):
            return True
        if configured is None:
            return name not in self.computed and _drop_empty(actual) is not None
        return self.normalize(name, configured) != self.normalize(name, actual)

    def _display_name(self, inputs: Properties) -> str:
        return str(inputs.get(self.name_property or "bucket") or inputs.get("name") or "new")

    def _read_state(self, identifier: str, inputs: Properties) -> Properties:
        actual = self._read(identifier, inputs)
        if actual is None:
            raise AwsCallError(f"reading {self.label} ({identifier})", "NotFound", "it was just written")
        return self._compose_state(identifier, inputs, actual)

    def _compose_state(self, identifier: str, configured: Properties, actual: Properties) -> Properties:
        """Return AWS's values, with the program's spelling of equal ones, tags, region and id."""
        state = dict(actual)
        for name in self.input_schema.fields:
            value = configured.get(name)
            same = value is not None and not self._differs(name, value, actual.get(name))
            if name in self.write_only or same:
                state[name] = value
        if self.tagged:
            own_tags = configured.get("tags") or {}
            state["tags"] = {
                key: value
                for key, value in actual["tagsAll"].items()
                if key in own_tags or self.account.default_tags.get(key) != value
            } or None
        if self.regional:
            state["region"] = self.region(configured)
        return {**state, "id": identifier}

    def _refresh_inputs(self, inputs: Properties, state: Properties) -> Properties:
        """Return the program's inputs, with the state's value in place of each that differs."""
        return {
            name: state.get(name) if self._differs(name, value, state.get(name)) else value
            for name, value in inputs.items()
            if name in self.input_schema.fields
        }

    def _import_inputs(self, state: Properties) -> Properties:
        return {
            name: state[name]
            for name in self.input_schema.fields
            if name != "region" and _drop_empty(state.get(name)) is not None
        }

    def _confirm_creation(self) -> None:
        """Record that the engine knows the id, for types that record creations (see `Creations`)."""


class UniqueAwsResource(AwsResource):
    """A resource type whose creation, when repeated, would make a second resource or be refused."""

    conflict_code: ClassVar[str]
    """AWS's error code for a name that is taken."""

    @abstractmethod
    def _find_existing(self, inputs: Properties, token: str) -> str | None:
        """Return the id of the resource with the inputs' name, or of the one created with `token`."""

    @abstractmethod
    def _create_bare(self, inputs: Properties, token: str) -> str:
        """Create the resource in one call and return its id; `_update` makes the other settings."""

    def _create(self, inputs: Properties) -> str:
        action = f"creating {self.label} ({self._display_name(inputs)})"

        def create(token: str) -> str:
            with translate_errors(action):
                return self._create_bare(inputs, token)

        identifier = self.account.creations.create_once(
            URN.get(),
            lambda token: self._find_existing(inputs, token),
            create,
            AwsCallError(action, self.conflict_code, "it exists already; import it, or choose another name"),
        )
        self._update(identifier, {}, inputs)
        return identifier

    def diff(
        self, state: Properties, old_inputs: Properties, inputs: Properties
    ) -> dict[str, PropertyChange]:
        self._confirm_creation()
        return super().diff(state, old_inputs, inputs)

    def _confirm_creation(self) -> None:
        self.account.creations.confirm(URN.get())


def _drop_empty(value: Any) -> Any:
    """
    Remove null, false, and empty strings, lists and objects at any depth of objects.

    Returns None if nothing remains.
    """
    match value:
        case dict():
            properties: dict[str, Any] = value
            kept = {
                name: item for name, each in properties.items() if (item := _drop_empty(each)) is not None
            }
            return kept or None
        case list():
            items: list[Any] = value
            return [_drop_empty(item) for item in items] or None
        case False | "" | None:
            return None
        case _:
            return value


def _complete_prefix(prefix: str) -> str:
    """Append 26 random digits to a name prefix, where Terraform appends 26 digits that rise with time."""
    return f"{prefix}{secrets.randbelow(10**26):026d}"
