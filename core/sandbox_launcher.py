"""
Starts one program in a sandbox; run as a script by `core.sandbox`, with a JSON description as its argument.

The standard library is enough, because the folders of this project can be out of reach inside. Two processes
stay beside the program: the launcher, which ends with the program's exit code, and inside the sandbox the
first process of its namespace, which starts the program, adopts its orphans, and ends everything when the
pipe to the caller breaks. So nothing goes on running after a caller that was killed.

Sources: unshare(2), mount_namespaces(7), user_namespaces(7), pivot_root(2), mount_setattr(2), capset(2).
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
from contextlib import suppress
from typing import Any, NoReturn

CANNOT_ISOLATE = 125
"""Exit code: the system refuses a namespace or a mount."""

_NEW_USER, _NEW_MOUNT, _NEW_PID, _NEW_NETWORK = 0x10000000, 0x00020000, 0x20000000, 0x40000000
_NEW_IPC, _NEW_UTS = 0x08000000, 0x04000000
_READ_ONLY, _NO_SUID, _NO_DEVICES, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_DETACH = 2
_FLAGS_OF_STATVFS = {1: 1, 2: 2, 4: 4, 8: 8, 1024: 1024, 2048: 2048, 4096: 1 << 21}
"""statvfs's flag -> mount's: read-only, nosuid, nodev, noexec, noatime, nodiratime, relatime."""

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_MOUNT_SETATTR, _HERE, _ALL_BELOW = 442, -100, 0x8000
_SET_NO_NEW_PRIVILEGES = 38
_CAPABILITIES_VERSION = 0x20080522
_DEVICES = ("null", "zero", "full", "random", "urandom")
_ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)

_library = ctypes.CDLL(None, use_errno=True)


def main() -> NoReturn:
    spec: dict[str, Any] = json.loads(sys.argv[1])
    os.set_inheritable(spec["lifeline"], False)
    for number in _ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the program alone is told; its end ends the rest
    released, release = os.pipe()
    try:
        if spec["namespaces"]:
            _unshare(own_network=spec["own_network"])
        child = os.fork()
    except OSError as error:
        _refuse(error)
    if child == 0:
        _lead(spec, release)
    os.close(spec["lifeline"])
    os.close(release)
    if os.read(released, 1):
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _unshare(*, own_network: bool) -> None:
    """Enter new namespaces. Without the right to do so, the user namespace gives it."""
    user, group = os.geteuid(), os.getegid()
    flags = _NEW_MOUNT | _NEW_PID | _NEW_IPC | _NEW_UTS | (_NEW_NETWORK if own_network else 0)
    if user == 0:
        _call("unshare", flags)
        return
    _call("unshare", flags | _NEW_USER)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    with suppress(OSError):  # no namespace within this one: there the program could mount again
        _write("/proc/sys/user/max_user_namespaces", "0")


def _lead(spec: dict[str, Any], release: int) -> NoReturn:
    """Make the root, give up all rights, start the program, and wait for its end or the caller's."""
    try:
        if spec["namespaces"]:
            _make_root(spec["readable"], spec["writable"])
        _give_up_rights(spec["user"], spec["group"])
        if not spec["command"]:
            os._exit(0)
        os.chdir(spec["folder"])
    except OSError as error:
        _refuse(error)
    wake, awake = os.pipe()
    for end in (wake, awake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(awake)
    program = os.fork()
    if program == 0:
        _execute(spec["command"])
    watched = [wake, spec["lifeline"]]
    while True:
        for ready in select.select(watched, [], [])[0]:
            if ready == wake:
                os.read(wake, 4096)
                _reap(program)
            elif os.read(ready, 1):
                watched.remove(ready)  # the program may outlive its caller, and the launcher is not needed
                os.write(release, b"k")
            else:
                _end(program, everything=spec["namespaces"])


def _make_root(readable: list[str], writable: list[str]) -> None:
    """Replace the root by an empty one in memory, with the given folders and files at their places."""
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", _NO_SUID | _NO_DEVICES, "mode=755")  # noqa: S108 - only a place that exists
    os.chdir("/tmp")  # noqa: S108
    os.mkdir("old")
    os.mkdir("new")
    _pivot_root(".", "old")
    os.chdir("/")
    _mount("tmpfs", "/new", "tmpfs", _NO_SUID | _NO_DEVICES, "mode=755")
    for folder in ("proc", "dev", "dev/shm", "tmp"):
        os.mkdir(f"/new/{folder}")
    for folder in ("dev/shm", "tmp"):
        os.chmod(f"/new/{folder}", 0o1777)  # noqa: S103 - as everywhere, and private to the sandbox
    with suppress(PermissionError):  # where a container hides parts of it, the sandbox has none
        _mount("proc", "/new/proc", "proc", _NO_SUID | _NO_DEVICES)
    for device in _DEVICES:
        _bind(f"/dev/{device}", attributes=0)
    os.symlink("/proc/self/fd", "/new/dev/fd")
    for path in sorted(readable, key=len):
        _bind(path, attributes=_READ_ONLY | _NO_SUID | _NO_DEVICES)
    for path in sorted(writable, key=len):
        _bind(path, attributes=_NO_SUID | _NO_DEVICES)
    _call("umount2", b"/old", _DETACH)
    os.chdir("/new")
    _pivot_root(".", ".")
    _call("umount2", b".", _DETACH)
    os.chdir("/")


def _bind(path: str, *, attributes: int) -> None:
    """Show a folder or file of the old root in the new one; a symbolic link of the root stays one."""
    old, new = f"/old{path}", f"/new{path}"
    if not os.path.lexists(old) or (os.path.lexists(new) and os.path.islink(new)):
        return
    if os.path.islink(old) and os.path.dirname(path) == "/":
        os.symlink(os.readlink(old), new)
        return
    source = _resolve(path)
    if not os.path.exists(source):
        return
    if os.path.isdir(source):
        os.makedirs(new, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(new), exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(new, os.O_CREAT | os.O_EXCL, 0o644))
    _mount(source, new, None, _BIND | _RECURSIVE)
    if attributes:
        _set_attributes(new, attributes)


def _resolve(path: str) -> str:
    """Follow the links on the way to `path` within the old root."""
    done = "/old"
    parts = path.split("/")[::-1]
    for _ in range(1000):
        if not parts:
            return done
        part = parts.pop()
        if part in {"", "."}:
            continue
        if part == "..":
            done = os.path.dirname(done) if done != "/old" else done
            continue
        following = f"{done}/{part}"
        if os.path.islink(following):
            target = os.readlink(following)
            if target.startswith("/"):
                done = "/old"
            parts += target.split("/")[::-1]
        else:
            done = following
    raise OSError(f"{path} is a circle of links")


def _set_attributes(path: str, attributes: int) -> None:
    """Make a mount and all below it read-only, without devices and set-user-id programs."""
    values = (ctypes.c_uint64 * 4)(attributes, 0, 0, 0)
    try:
        _call("syscall", _MOUNT_SETATTR, _HERE, path.encode(), _ALL_BELOW, values, ctypes.sizeof(values))
    except OSError:  # Linux before 5.12
        kept = os.statvfs(path).f_flag
        flags = sum(flag for known, flag in _FLAGS_OF_STATVFS.items() if kept & known)
        _mount(None, path, None, _REMOUNT | _BIND | flags | attributes)


def _give_up_rights(user: int | None, group: int | None) -> None:
    """Become the user, if one is given, without a capability and without a way to get one."""
    if user is not None and group is not None:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
    if sys.platform == "linux":
        _call("prctl", _SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        header, none = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0), (ctypes.c_uint32 * 6)()
        if os.geteuid() != 0:
            _call("capset", header, none)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _execute(command: list[str]) -> NoReturn:
    for number in (*_ENDING_SIGNALS, signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"{command[0]} can't be started: {error.strerror}\n".encode())
        os._exit(127)


def _reap(program: int) -> None:
    """Collect ended processes; end with the program's exit code when it is among them."""
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if pid == program:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def _end(program: int, *, everything: bool) -> NoReturn:
    with suppress(ProcessLookupError):
        os.kill(-1 if everything else program, signal.SIGKILL)
    os._exit(128 + signal.SIGKILL)


def _refuse(error: OSError) -> NoReturn:
    os.write(2, f"the system allows no sandbox: {error}\n".encode())
    os._exit(CANNOT_ISOLATE)


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    texts = [text.encode() if text is not None else None for text in (source, target, kind, options)]
    _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])


def _pivot_root(new: str, old: str) -> None:
    _call("syscall", _PIVOT_ROOT[os.uname().machine], new.encode(), old.encode())


def _call(function: str, *arguments: Any) -> None:
    if getattr(_library, function)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
