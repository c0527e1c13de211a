"""What all parts of a drill's evidence have in common: nothing in them is made up, and nothing is secret."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, field_validator, model_validator

from credential_forms import hidden


def _without_credentials(value: Any) -> Any:
    match value:
        case str():
            return hidden(value)
        case tuple():
            return tuple(_without_credentials(part) for part in value)
        case dict():
            return {hidden(key): _without_credentials(part) for key, part in value.items()}
        case _:
            return value


class Model(BaseModel):
    """Part of the evidence: frozen, nothing unknown in it, and no credential in any of its texts."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _hidden(cls, value: Any) -> Any:
        return _without_credentials(value)

    @model_validator(mode="wrap")
    @classmethod
    def _computed(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(data, dict):
            return handler(data)
        stated = {name: data[name] for name in cls.model_computed_fields if name in data}
        made = handler({name: value for name, value in data.items() if name not in stated})
        shown = made.model_dump(mode="json", include=set(stated))
        if wrong := [name for name, value in stated.items() if value != shown[name]]:
            raise ValueError(f"states {', '.join(wrong)} otherwise than its own content shows")
        return made
