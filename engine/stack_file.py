"""The file of a stack, `Pulumi.<stack>.yaml`: its content, and the settings in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from components.settings import PROJECT, Settings, SettingsError, load
from core.documents import DocumentError, parse_yaml, read_file
from core.failure import Failure

CHECKOUT: Final = Path(__file__).resolve().parent.parent


def path_of(stack: str) -> Path:
    return CHECKOUT / f"Pulumi.{stack}.yaml"


def read(stack: str) -> dict[str, Any]:
    """
    Return the parsed content of a stack's file.

    Raises:
        Failure: there is no such file, or `parse` refuses it.
    """
    path = path_of(stack)
    try:
        body = read_file(path)
    except FileNotFoundError:
        known = sorted(file.name.split(".")[1] for file in CHECKOUT.glob("Pulumi.*.yaml"))
        if not known:
            raise Failure(
                f"There is no {path.name}: {CHECKOUT} is not a checkout of Bulwark.",
                "run ./bulwark in a checkout, which has the program and the stacks' files.",
            ) from None
        raise Failure(
            f"There is no {path.name}.", f"choose one of these stacks: {', '.join(known)}."
        ) from None
    except OSError as error:
        raise Failure(f"{path.name} can't be read: {error.strerror}.", "make it readable.") from None
    except DocumentError as error:
        raise _unreadable(path.name, error) from None
    return parse(body, path.name)


def parse(text: bytes | str, name: str) -> dict[str, Any]:
    """
    Return the parsed content of a stack's file; `name` is the file's.

    Raises:
        Failure: it is no YAML within the limits of `core.documents`, or has no settings.
    """
    try:
        content = parse_yaml(text)
    except DocumentError as error:
        raise _unreadable(name, error) from None
    if not isinstance(content, dict) or not isinstance(content.get("config", {}), dict):
        raise Failure(
            f"{name} has no settings.",
            f"`git checkout {name}` brings the committed file back; Pulumi.prod.yaml is a complete example.",
        )
    return cast("dict[str, Any]", content)


def _unreadable(name: str, error: DocumentError) -> Failure:
    return Failure(f"{name} can't be read: {error}.", "correct the file.")


def load_settings(stack: str, content: Mapping[str, Any]) -> Settings:
    """
    Return the settings in the content of a stack's file.

    Raises:
        Failure: names every setting that is wrong.
    """
    try:
        return parse_settings(content)
    except SettingsError as error:
        raise Failure(
            f"{path_of(stack).name}: {error}",
            "correct the file; settings.schema.json knows every key.",
            problems=error.document(),
        ) from None


def parse_settings(content: Mapping[str, Any]) -> Settings:
    """Return the settings in the content of a stack's file. Raises SettingsError."""
    prefix = f"{PROJECT}:"
    return load(
        {
            key.removeprefix(prefix): value
            for key, value in content.get("config", {}).items()
            if key.startswith(prefix) and not is_secret(value)
        }
    )


def is_secret(value: Any) -> bool:
    """Tell whether a value of the file is encrypted."""
    return isinstance(value, dict) and "secure" in value
