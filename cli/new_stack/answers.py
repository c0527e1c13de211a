"""The answers of which a new stack's file is made, and their short notation in options and questions."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

ENVIRONMENTS: Final = ("production", "staging")
STORE_TYPES: Final = ("neon", "postgres", "supabase", "s3")
CHANNEL_TYPES: Final = ("email", "slack", "pagerduty", "webhook")
REPOSITORY_IDS: Final = ("platform.repository_id", "platform.repository_owner_id")
"""Settings with GitHub's numbers of the repository and its owner."""

STACK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
"""What a stack is called: part of a file's name, so that it can't be a path."""


class AnswerError(ValueError):
    """An answer that is not written as it should be; `option` takes it, and the text says how it looks."""

    def __init__(self, option: str, answer: str, form: str) -> None:
        super().__init__(f"{answer!r} is not {form}")
        self.option = option


class ServiceAnswer(NamedTuple):
    """A service, and one path of it that is watched."""

    name: str
    origin: str
    path: str


class StoreAnswer(NamedTuple):
    """A store; `place` is its project at Neon or Supabase, or whose server or service it is."""

    name: str
    type: str
    place: str


class VaultAnswer(NamedTuple):
    """Where a vault lies."""

    account: str
    region: str


class ChannelAnswer(NamedTuple):
    """A channel; `target` is an address, a Slack channel in its workspace, or a service of an account."""

    name: str
    type: str
    target: str


@dataclass(frozen=True)
class Answers:
    """What was answered, as it was written; an empty text or list is no answer."""

    environment: str = "production"
    name: str = ""
    repository: str = ""
    services: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()
    """The primary, then the replica."""

    elsewhere: str = ""
    uptime: str = ""
    errors: str = ""
    channels: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict[str, str])
    """Path of a setting -> its value, as YAML."""

    def list_options(self) -> list[str]:
        """Return the options of `init` that give these answers."""
        options = ["--environment", self.environment]
        single = ("name", "repository", "elsewhere", "uptime", "errors")
        for field_name in single:
            if text := getattr(self, field_name):
                options += [f"--{field_name}", text]
        for field_name in ("services", "stores", "vaults", "channels"):
            for text in getattr(self, field_name):
                options += [f"--{field_name.removesuffix('s')}", text]
        for path, value in self.values.items():
            options += ["--set", f"{path}={value}"]
        return options


Option = Literal[
    "--name",
    "--repository",
    "--service",
    "--store",
    "--vault",
    "--elsewhere",
    "--uptime",
    "--errors",
    "--channel",
]

FORMS: Final[dict[str, str]] = {
    "--service": "NAME=ADDRESS, such as api=https://api.example.com/health",
    "--store": "NAME=TYPE:PLACE, such as database=neon:PROJECT, main=postgres:VENDOR, "
    "files=supabase:PROJECT or media=s3:VENDOR",
    "--vault": "ACCOUNT/REGION of AWS, such as 123456789012/eu-west-1",
    "--errors": "ORGANIZATION/TEAM, as Sentry's addresses name them",
    "--channel": "NAME=TYPE:TARGET, such as ops=email:ops@example.org, chat=slack:WORKSPACE/#CHANNEL, "
    "oncall=pagerduty:ACCOUNT/SERVICE or hook=webhook",
    "--set": "PATH=VALUE, such as stores.database.plan=scale",
}
"""Option -> how its value looks."""


def read_service(answer: str) -> ServiceAnswer:
    """Return a service. Raises AnswerError."""
    name, url = _split("--service", answer, "=")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise AnswerError("--service", answer, FORMS["--service"]) from None
    if not parts.netloc or parts.query or parts.fragment:
        raise AnswerError("--service", answer, FORMS["--service"])
    return ServiceAnswer(name, f"{parts.scheme}://{parts.netloc}", parts.path or "/")


def read_store(answer: str) -> StoreAnswer:
    """Return a store. Raises AnswerError."""
    name, rest = _split("--store", answer, "=")
    kind, place = _split("--store", rest, ":", whole=answer)
    if kind not in STORE_TYPES:
        raise AnswerError("--store", answer, FORMS["--store"])
    return StoreAnswer(name, kind, place)


def read_vault(answer: str) -> VaultAnswer:
    """Return where a vault lies. Raises AnswerError."""
    return VaultAnswer(*_split("--vault", answer, "/"))


def read_errors(answer: str) -> tuple[str, str]:
    """Return organization and team; a team that is left out is empty."""
    organization, _, team = answer.partition("/")
    return organization.strip(), team.strip()


def read_channel(answer: str) -> ChannelAnswer:
    """Return a channel. Raises AnswerError."""
    name, rest = _split("--channel", answer, "=")
    kind, _, target = rest.partition(":")
    parts = 2 if kind in {"slack", "pagerduty"} else 1
    if (
        kind not in CHANNEL_TYPES
        or (kind != "webhook" and len(target.split("/", 1)) < parts)
        or (kind == "email" and not target)
    ):
        raise AnswerError("--channel", answer, FORMS["--channel"])
    return ChannelAnswer(name, kind, target)


def read_value(answer: str) -> tuple[str, str]:
    """Return the path of a setting and its value. Raises AnswerError."""
    path, value = _split("--set", answer, "=")
    if not all(path.split(".")):
        raise AnswerError("--set", answer, FORMS["--set"])
    return path, value


def _split(option: str, answer: str, mark: str, *, whole: str = "") -> tuple[str, str]:
    first, found, second = (part.strip() for part in answer.partition(mark))
    if not (first and found and second):
        raise AnswerError(option, whole or answer, FORMS[option])
    return first, second
