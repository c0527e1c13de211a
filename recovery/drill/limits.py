"""What no drill of a scenario tries, and why; every one says so in its evidence."""

from typing import Final

from recovery.drill.evidence import Kind, Untested

_TRAFFIC: Final = Untested(
    what="the platform's own deployment, under load",
    why="its program is started on the machine that drills, and asked for its health alone",
)
_ADDRESS: Final = Untested(
    what="giving the platform the new database's address",
    why="a drill changes nothing that the platform runs on",
)
LIMITS: Final[dict[Kind, tuple[Untested, ...]]] = {
    "corruption": (
        _TRAFFIC,
        Untested(
            what="setting the platform's own branch back",
            why="a drill recovers beside it; docs/runbooks/corruption.md has the step",
        ),
    ),
    "loss": (_TRAFFIC, _ADDRESS),
    "replica": (
        _TRAFFIC,
        _ADDRESS,
        Untested(
            what="that the primary vault can't be reached",
            why="it is there, and was not asked for anything of the backup",
        ),
    ),
    "files": (
        Untested(
            what="uploading the files to their vendor",
            why="a drill writes to no bucket of the platform; docs/runbooks/files.md has the step",
        ),
    ),
    "state": (
        Untested(
            what="an update with the rebuilt stack",
            why="it would act on what the platform runs on; the preview shows that it has nothing to do",
        ),
    ),
}
