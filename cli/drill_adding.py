"""Puts the evidence of a drill that ran elsewhere into the vault."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from cli.stack_file import Space
from recovery.drill import records
from recovery.drill.identity import Place
from recovery.vault.failures import Exists
from recovery.vault.vault import Vault
from toolchain.failure import Failure

_PLACES: Final[dict[Place, str]] = {"vendors": "at the vendors", "twin": "on the twin"}


def added(vault: Vault, file: Path, space: Space) -> str:
    """
    Put the evidence that a drill wrote into the vault and return the drill's id; again changes nothing.

    Raises:
        Failure: for a file that is no evidence, or that of another stack, place or time, and for a vault that
            has other evidence of that drill, or doesn't take it.
    """
    try:
        evidence = records.read(file.read_bytes())
    except OSError as error:
        raise Failure(f"{file} can't be read: {error.strerror}.", "name the evidence of a drill.") from None
    except ValidationError as error:
        raise Failure(
            f"{file} is no evidence of a drill: {records.said(error)}.",
            "name what ./bulwark drill wrote, unchanged; docs/drills.md says what it holds.",
        ) from None
    known = evidence.identity
    if (known.stack, known.place) != (space.name, space.place):
        flag = " --twin" if known.place == "twin" and known.environment != "local" else ""
        raise Failure(
            f"{file} is the evidence of a drill of {known.stack}, {_PLACES[known.place]}, and this is "
            f"{space.name}, {_PLACES[space.place]}.",
            f"type ./bulwark drills --stack {known.stack}{flag} --add {file}.",
        )
    if evidence.started > datetime.now(UTC):
        raise Failure(
            f"{file} is the evidence of a drill that begins at {evidence.started:%Y-%m-%d %H:%M:%S} UTC, "
            "which is yet to come.",
            "set the clock of the machine that ran it (NTP), and run the drill again.",
        )
    identity = known.id
    try:
        stored = records.keep(vault, evidence)
    except Exists:
        if all(one.drill != evidence for one in records.records(vault) if one.id == identity):
            raise Failure(
                f"The vault has other evidence of drill {identity}, which was left as it is.",
                f"compare them: ./bulwark drills --stack {space.name} --drill {identity} --json.",
            ) from None
        sys.stderr.write(f"The evidence of drill {identity} is in the vault already.\n")
    else:
        sys.stderr.write(f"{stored.key} is in the vault, SHA-256 {stored.sha256}.\n")
    return identity
