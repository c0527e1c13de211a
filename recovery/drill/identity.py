"""Whose evidence it is: which stack, code and people, and which requirements it answers."""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator

from recovery.drill.model import Model

Place = Literal["vendors", "twin"]


class Control(Model):
    """A requirement that a drill answers."""

    framework: str
    id: str
    asks: str


CONTROLS: Final = (
    Control(framework="SOC 2 2017", id="A1.3", asks="recovery is tested"),
    Control(framework="SOC 2 2017", id="A1.2", asks="backups and recovery infrastructure exist"),
    Control(framework="ISO 27001 2022", id="A.5.30", asks="readiness for continuity is tested"),
    Control(framework="ISO 27001 2022", id="A.8.13", asks="information is backed up, and backups tested"),
    Control(framework="NIST 800-53 r5", id="CP-4", asks="the contingency plan is tested"),
    Control(framework="NIST 800-53 r5", id="CP-9(1)", asks="backups are tested"),
    Control(framework="CIS Controls 8.1", id="11.5", asks="recovery is tested"),
)


def _public(url: str) -> str:
    if not url.startswith("https://") or "@" in url or "?" in url:
        raise ValueError("is no https address, or has a user or a query in it")
    return url


class Identity(Model):
    """Who tried what, with which code."""

    id: str
    """Sorts by time: `20300115T042300Z-3f9a`."""

    stack: str
    environment: Literal["production", "local", "drill"]
    place: Place
    """Where the stack lives; a drill on the twin proves nothing of production."""

    commit: str | None
    """The checkout's; None outside of one."""

    changed: bool
    """Whether the checkout held changes that are in no commit."""

    versions: dict[str, str]
    """Program -> version: bulwark, python, pulumi, pg_dump, pg_restore, server, ..."""

    trigger: Literal["schedule", "manual"]
    actor: str
    run_url: Annotated[str, AfterValidator(_public)] | None
    """The CI run."""

    controls: tuple[Control, ...] = CONTROLS
