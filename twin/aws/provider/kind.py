"""What all AWS resource types share: checks, plans, comparison with the service, tags and regions."""

import secrets
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from twin.aws.provider.account import Account, told
from twin.aws.provider.creations import RefusedError
from twin.provider.rules import InputRule
from twin.provider.schema import ObjectSchema
from twin.provider.server import URN, InputRefusal, PropertyChange, ResourceGoneError
from twin.provider.validation import conform
from twin.provider.values import UNKNOWN, Properties, has_unknown

_SUFFIX_CHARACTERS = 7


class AwsKind(ABC):
    """
    Implements `twin.provider.server.Kind` around five calls to AWS that each type makes in its own way.

    State is what the service tells, but where that means the same as what the program said, the program's
    own words.
    """

    label: ClassVar[str]
    """As it is called in errors: `S3 Bucket`."""
    inputs: ClassVar[ObjectSchema]
    rules: ClassVar[tuple[InputRule, ...]] = ()
    defaults: ClassVar[Properties] = {}
    unmodelled: ClassVar[frozenset[str]] = frozenset()
    """Inputs of the real provider that the twin does not have."""
    computed: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS decides about when they are left out."""
    replaces: ClassVar[frozenset[str]] = frozenset()
    remembered: ClassVar[frozenset[str]] = frozenset()
    """Inputs that only the provider knows of, such as forceDestroy."""
    outputs: ClassVar[tuple[str, ...]] = ()
    regional: ClassVar[bool] = True
    tagged: ClassVar[bool] = False
    name_property: ClassVar[str | None] = None
    """The input that is drawn from the logical name when the program leaves it out."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @abstractmethod
    def make(self, wanted: Properties) -> str:
        """Create it with all its settings; return its id."""

    @abstractmethod
    def look(self, identifier: str, state: Properties) -> Properties | None:
        """Return everything AWS tells, under the provider's names (all tags as `tagsAll`); None when gone."""

    @abstractmethod
    def change(self, identifier: str, state: Properties, wanted: Properties) -> None:
        """Bring it from `state` to what is wanted."""

    @abstractmethod
    def remove(self, identifier: str, state: Properties) -> None:
        """Delete it."""

    def canonical(self, name: str, value: Any) -> Any:
        """Bring an input into a form in which equal meaning is equal value."""
        del name
        return _pruned(value)

    def name_for(self, logical_name: str) -> str:
        return f"{logical_name}-{secrets.token_hex(_SUFFIX_CHARACTERS)[:_SUFFIX_CHARACTERS]}"

    def check(
        self, name: str, inputs: Properties, old_inputs: Properties
    ) -> tuple[Properties, list[InputRefusal]]:
        asked = {key: value for key, value in inputs.items() if key not in self.unmodelled}
        wanted, refusals = conform(asked, self.inputs)
        refusals += [
            InputRefusal(key, f"the twin's aws does not model {key} of {self.label}")
            for key in sorted(inputs.keys() & self.unmodelled)
            if inputs[key] is not None
        ]
        if not refusals:
            completed = self._completed(wanted)
            refusals = [refusal for rule in self.rules for refusal in rule(completed)]
        if self.name_property and not refusals:
            self._name(wanted, self.name_property, name, old_inputs.get(self.name_property))
        return wanted, refusals

    def diff(
        self,
        state: Properties,
        old_inputs: Properties,  # noqa: ARG002 - Terraform compares with the state alone
        inputs: Properties,
    ) -> dict[str, PropertyChange]:
        wanted = self._completed(inputs)
        names = self.inputs.fields.keys() - {"region", "tags"}
        changed = {name for name in names if self._differs(name, wanted.get(name), state.get(name))}
        if self.tagged and self._tags(wanted) != (state.get("tagsAll") or {}):
            changed |= {"tags", "tagsAll"}
        if self.regional and state.get("region") not in {None, self.region(wanted)}:
            changed.add("region")
        replaces = self.replaces | {"region"}
        return {
            name: PropertyChange.REPLACE if name in replaces else PropertyChange.UPDATE
            for name in sorted(changed)
        }

    def plan(self, state: Properties, inputs: Properties) -> Properties:
        wanted = self._completed(inputs)
        settled = self.inputs.fields.keys() - self.computed
        planned = {name: value for name, value in state.items() if name not in settled} | wanted
        if not state:
            planned |= dict.fromkeys((*self.outputs, *(self.computed - wanted.keys())), UNKNOWN)
        if self.tagged:
            planned["tagsAll"] = self._tags(wanted)
        if self.regional:
            planned["region"] = self.region(wanted)
        return planned

    def create(self, inputs: Properties) -> tuple[str, Properties]:
        wanted = self._completed(inputs)
        with told(f"creating {self.label} ({self._called(wanted)})"):
            identifier = self.make(wanted)
            return identifier, self._state(identifier, wanted)

    def read(self, identifier: str, state: Properties, inputs: Properties) -> tuple[Properties, Properties]:
        self._confirm()
        before = state or self._completed({})
        with told(f"reading {self.label} ({identifier})"):
            found = self.look(identifier, before)
        if found is None:
            raise ResourceGoneError
        after = self._composed(identifier, before, found)
        return self._reflected(inputs, after) if state else self._imported(after), after

    def update(self, identifier: str, state: Properties, inputs: Properties) -> Properties:
        wanted = self._completed(inputs)
        with told(f"updating {self.label} ({identifier})"):
            self.change(identifier, state, wanted)
            return self._state(identifier, wanted)

    def delete(self, identifier: str, state: Properties) -> None:
        self._confirm()
        with told(f"deleting {self.label} ({identifier})"):
            self.remove(identifier, state)

    def region(self, properties: Properties) -> str:
        return properties.get("region") or self.account.region

    def tags(self, wanted: Properties) -> dict[str, str]:
        """Return all tags of a resource whose inputs are known: the provider's default ones and its own."""
        return {**self.account.default_tags, **(wanted.get("tags") or {})}

    def _name(self, wanted: Properties, property_: str, logical_name: str, before: Any) -> None:
        """Give it a name once: the program's, one that begins with its prefix, or one drawn from its own."""
        prefix = wanted.pop(f"{property_}Prefix", None)
        if wanted.get(property_) is not None or prefix is UNKNOWN:
            return
        if isinstance(before, str) and before.startswith(prefix or ""):
            wanted[property_] = before
        else:
            wanted[property_] = self.name_for(logical_name) if prefix is None else _prefixed(prefix)

    def _tags(self, wanted: Properties) -> Any:
        own = wanted.get("tags") or {}
        return UNKNOWN if has_unknown(own) else self.tags(wanted)

    def _completed(self, inputs: Properties) -> Properties:
        return {**self.defaults, **{name: value for name, value in inputs.items() if value is not None}}

    def _differs(self, name: str, wanted: Any, present: Any) -> bool:
        if has_unknown(wanted):
            return True
        if wanted is None:
            return name not in self.computed and _pruned(present) is not None
        return self.canonical(name, wanted) != self.canonical(name, present)

    def _called(self, wanted: Properties) -> str:
        return str(wanted.get(self.name_property or "bucket") or wanted.get("name") or "new")

    def _state(self, identifier: str, wanted: Properties) -> Properties:
        found = self.look(identifier, wanted)
        if found is None:
            raise RefusedError(f"reading {self.label} ({identifier})", "NotFound", "it was just written")
        return self._composed(identifier, wanted, found)

    def _composed(self, identifier: str, said: Properties, found: Properties) -> Properties:
        state = dict(found)
        for name in self.inputs.fields:
            ours = said.get(name)
            same = ours is not None and not self._differs(name, ours, found.get(name))
            if name in self.remembered or same:
                state[name] = ours
        if self.tagged:
            own = said.get("tags") or {}
            state["tags"] = {
                key: value
                for key, value in found["tagsAll"].items()
                if key in own or self.account.default_tags.get(key) != value
            } or None
        if self.regional:
            state["region"] = self.region(said)
        return {**state, "id": identifier}

    def _reflected(self, inputs: Properties, state: Properties) -> Properties:
        """Return the program's inputs with what was found different in their place."""
        return {
            name: state.get(name) if self._differs(name, value, state.get(name)) else value
            for name, value in inputs.items()
            if name in self.inputs.fields
        }

    def _imported(self, state: Properties) -> Properties:
        return {
            name: state[name]
            for name in self.inputs.fields
            if name != "region" and _pruned(state.get(name)) is not None
        }

    def _confirm(self) -> None:  # noqa: B027 - most types note no creations
        """Note that the engine knows the id (see `Creations`)."""


class UniqueKind(AwsKind):
    """A type of which AWS would make a second one, or refuse to, when a creation is repeated."""

    taken_code: ClassVar[str]

    @abstractmethod
    def find(self, wanted: Properties, token: str) -> str | None:
        """Return the id of the resource of that name, or of the one made with that token."""

    @abstractmethod
    def found(self, wanted: Properties, token: str) -> str:
        """Make the bare resource in one call; `change` gives it the rest of its settings."""

    def make(self, wanted: Properties) -> str:
        doing = f"creating {self.label} ({self._called(wanted)})"

        def once_only(token: str) -> str:
            with told(doing):
                return self.found(wanted, token)

        identifier = self.account.creations.once(
            URN.get(),
            lambda token: self.find(wanted, token),
            once_only,
            RefusedError(doing, self.taken_code, "it exists already; import it, or choose another name"),
        )
        self.change(identifier, {}, wanted)
        return identifier

    def diff(
        self, state: Properties, old_inputs: Properties, inputs: Properties
    ) -> dict[str, PropertyChange]:
        self._confirm()
        return super().diff(state, old_inputs, inputs)

    def _confirm(self) -> None:
        self.account.creations.confirm(URN.get())


def _pruned(value: Any) -> Any:
    """Drop what says nothing: null, false, empty text, lists and objects. Returns None for nothing at all."""
    match value:
        case dict():
            given: dict[str, Any] = value
            kept = {name: item for name, each in given.items() if (item := _pruned(each)) is not None}
            return kept or None
        case list():
            items: list[Any] = value
            return [_pruned(item) for item in items] or None
        case False | "" | None:
            return None
        case _:
            return value


def _prefixed(prefix: str) -> str:
    """Complete a name prefix with 26 digits, as Terraform does (there they rise with time)."""
    return f"{prefix}{secrets.randbelow(10**26):026d}"
