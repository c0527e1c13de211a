"""The vendors' own provider plugins, in a PULUMI_HOME: found on this machine, or downloaded."""

import os
from pathlib import Path

from core.failure import Failure
from toolchain.cache import ensure_cached
from toolchain.engine import ensure_cli
from toolchain.step import run_step

VARIABLE = "BULWARK_PROVIDERS"
"""Environment variable that names a PULUMI_HOME with the plugins; its `bin` may have the language host."""

BRIDGE = ("terraform-provider", "1.1.3")
_BRIDGED = (
    ("kislerdm", "neon", "0.15.0"),
    ("uptimerobot", "uptimerobot", "1.10.0"),
    ("jianyuan", "sentry", "0.15.4"),
)
"""(namespace, name, version) of each provider. The SDKs in sdks/ and Pulumi.yaml have the same versions."""

_DOWNLOAD_LIMIT_SECONDS = 900


def bridge_path(home: Path) -> Path:
    """Return the path in a PULUMI_HOME of the plugin that runs Terraform providers."""
    name, version = BRIDGE
    return home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def find_providers() -> Path:
    """
    Return a PULUMI_HOME with all plugins in the versions of the generated SDKs.

    It is the one that `BULWARK_PROVIDERS` names, the user's own, or one in the cache that the CLI fills.

    Raises:
        Failure: the plugins are not on this machine and can't be downloaded.
    """
    if named := os.environ.get(VARIABLE):
        if is_complete(Path(named)):
            return Path(named)
        raise Failure(
            f"{VARIABLE} names {named}, which lacks some of the providers: {_list_providers()}.",
            f"name a PULUMI_HOME that has them, or unset {VARIABLE}.",
        )
    own = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    if is_complete(own):
        return own
    versions = "-".join(version for *_, version in _BRIDGED)
    return ensure_cached(f"providers-{BRIDGE[1]}-{versions}", _download)


def is_complete(home: Path) -> bool:
    registry = home / "dynamic_tf_plugins" / "registry.opentofu.org"
    return bridge_path(home).exists() and all(
        any((registry / namespace / name / version).glob(f"*/terraform-provider-{name}*"))
        for namespace, name, version in _BRIDGED
    )


def _download(folder: Path) -> None:
    """Let the CLI download the bridge, and the bridge each provider when the CLI asks for its schema."""
    cli = ensure_cli()
    environment = {**os.environ, "PULUMI_HOME": str(folder), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    commands = [
        ("plugin", "install", "resource", *BRIDGE),
        *(
            ("package", "get-schema", "@".join(BRIDGE), f"{namespace}/{name}", version)
            for namespace, name, version in _BRIDGED
        ),
    ]
    try:
        for command in commands:
            run_step(
                f"Downloading {command[-2].rpartition('/')[2]} {command[-1]}",
                [cli, *command],
                env=environment,
                limit_seconds=_DOWNLOAD_LIMIT_SECONDS,
            )
    except Failure as failure:
        raise Failure(
            f"The vendors' own providers ({_list_providers()}) can't be had.",
            f"set {VARIABLE} to a PULUMI_HOME that has them; the twin's stand-ins need none of it.",
            str(failure).removeprefix("bulwark: "),
        ) from failure


def _list_providers() -> str:
    return ", ".join(f"{namespace}/{name} {version}" for namespace, name, version in _BRIDGED)
