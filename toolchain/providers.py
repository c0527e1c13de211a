"""The provider plugins, in a PULUMI_HOME: found on this machine, or installed by their hashes."""

import hashlib
import os
from collections.abc import Collection
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from core.failure import Failure
from toolchain import releases
from toolchain.cache import cache_root, ensure_cached
from toolchain.engine import CLI, find_own_cli
from toolchain.releases import Release, UnreachableError
from toolchain.step import print_progress

VARIABLE = "BULWARK_PROVIDERS"
"""Environment variable that names a PULUMI_HOME with the plugins; its `bin` may have the language host."""

BRIDGE = ("terraform-provider", "1.1.3")
AWS: Final = ("aws", metadata.version("pulumi-aws"))
PAGERDUTY: Final = ("pagerduty", metadata.version("pulumi-pagerduty"))
_BRIDGED = (
    ("kislerdm", "neon", "0.15.0"),
    ("uptimerobot", "uptimerobot", "1.10.0"),
    ("jianyuan", "sentry", "0.15.4"),
    ("terraform-community-providers", "railway", "0.6.2"),
    ("vercel", "vercel", "5.10.0"),
)
"""(namespace, name, version) of each provider. The SDKs in sdks/ and Pulumi.yaml have the same versions."""

VENDORS: Final = tuple(name for _, name, _ in _BRIDGED)
"""Those whose providers the bridge runs. PagerDuty's plugin is its own."""

_REGISTRY: Final = "dynamic_tf_plugins/registry.opentofu.org"
"""Where the bridge keeps providers (pulumi-terraform-bridge, dynamic/run): it runs what it finds there."""


def _describe_plugin(name: str, version: str) -> Release:
    return Release(
        repository=f"pulumi/pulumi-{name}",
        version=version,
        archive=f"pulumi-resource-{name}-v{{version}}-{{system}}-{{processor}}.tar.gz",
        lists=(f"pulumi-{name}_{{version}}_checksums.txt",),
        layout="plugin",
        folder=f"plugins/resource-{name}-v{version}",
    )


def _describe_provider(namespace: str, name: str, version: str) -> Release:
    return Release(
        repository=f"{namespace}/terraform-provider-{name}",
        version=version,
        archive=f"terraform-provider-{name}_{{version}}_{{system}}_{{processor}}.zip",
        lists=(f"terraform-provider-{name}_{{version}}_SHA256SUMS",),
        layout="terraform",
        folder=f"{_REGISTRY}/{namespace}/{name}/{version}/{{system}}_{{processor}}",
    )


PLUGINS: Final = (
    _describe_plugin(*BRIDGE),
    _describe_plugin(*AWS),
    _describe_plugin(*PAGERDUTY),
    *(_describe_provider(*provider) for provider in _BRIDGED),
)
RELEASES: Final = (CLI, *PLUGINS)
"""Everything that is locked."""


def plugin_path(home: Path, name: str, version: str) -> Path:
    """Return the path of a plugin in a PULUMI_HOME."""
    return home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def bridge_path(home: Path) -> Path:
    """Return the path in a PULUMI_HOME of the plugin that runs Terraform providers."""
    return plugin_path(home, *BRIDGE)


def find_providers(vendors: Collection[str] = VENDORS) -> Path:
    """
    Return a PULUMI_HOME with the plugins of these vendors, in the versions of the SDKs.

    It is the one that `BULWARK_PROVIDERS` names, the user's own, or the checked one in the cache.

    Raises:
        Failure: the plugins are not on this machine and can't be installed.
    """
    if named := os.environ.get(VARIABLE):
        if is_complete(Path(named), vendors):
            return Path(named)
        raise Failure(
            f"{VARIABLE} names {named}, which lacks some of the providers: {_list_providers(vendors)}.",
            f"name a PULUMI_HOME that has them, or unset {VARIABLE}.",
        )
    if is_complete(own_home(), vendors):
        return own_home()
    try:
        return ensure_plugins()
    except Failure as failure:
        raise Failure(
            f"The vendors' own providers ({_list_providers(vendors)}) can't be had.",
            f"set {VARIABLE} to a PULUMI_HOME that has them; the twin's stand-ins need none of it.",
            str(failure).removeprefix("bulwark: "),
        ) from failure


def ensure_plugins() -> Path:
    """
    Return a PULUMI_HOME in the cache with every plugin, each from the archive with its locked hash.

    Raises:
        Failure: a plugin is not locked, can't be downloaded, or is another file.
    """
    hashes = [releases.require_hash(release) for release in PLUGINS]

    def fill(folder: Path) -> None:
        try:
            for release, sha256 in zip(PLUGINS, hashes, strict=True):
                releases.install(release, sha256, folder)
        except UnreachableError as error:
            raise Failure(
                f"A plugin can't be downloaded: {error}.",
                f"check the network and the proxy, or name a mirror with {releases.MIRROR}.",
            ) from error

    return ensure_cached(f"plugins-{hashlib.sha256(''.join(hashes).encode()).hexdigest()[:16]}", fill)


def plugin_environment() -> dict[str, str]:
    """
    Return the variables by which the engine runs the checked plugins and gets no others.

    On a person's machine that has no checked plugins it is empty: the engine then gets plugins as it does
    without this project, and the person is told.

    Raises:
        Failure: this job holds credentials, and a plugin is not checked.
    """
    try:
        home = ensure_plugins()
    except Failure as failure:
        if releases.is_job_with_credentials(os.environ):
            raise
        reason = str(failure).removeprefix("bulwark: ").partition("\n")[0]
        _tell(f"Note: the engine's plugins are not checked. {reason}")
        return {}
    return {
        "PULUMI_HOME": str(home),
        "PULUMI_CREDENTIALS_PATH": os.environ.get("PULUMI_CREDENTIALS_PATH") or str(own_home()),
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        "PULUMI_IGNORE_AMBIENT_PLUGINS": "true",
    }


def own_home() -> Path:
    """Return the user's own PULUMI_HOME."""
    return Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")


def needs_checked_cli() -> bool:
    """Tell whether a CLI that only lay on PATH is refused; where it is not, the person is told of it."""
    if releases.is_job_with_credentials(os.environ):
        return True
    own = find_own_cli()
    if own and cache_root() not in own.parents:
        _tell(f"Note: {own} is used as it is; it was not checked against {releases.FILE.name}.")
    return False


@cache
def _tell(note: str) -> None:
    """Tell the person once."""
    print_progress(note)


def is_complete(home: Path, vendors: Collection[str] = VENDORS) -> bool:
    """Return whether a PULUMI_HOME has the plugins of these vendors."""
    registry, bridged = home / _REGISTRY, [one for one in _BRIDGED if one[1] in vendors]
    return (
        (not bridged or bridge_path(home).exists())
        and ("pagerduty" not in vendors or plugin_path(home, *PAGERDUTY).exists())
        and all(
            any((registry / namespace / name / version).glob(f"*/terraform-provider-{name}*"))
            for namespace, name, version in bridged
        )
    )


def _list_providers(vendors: Collection[str]) -> str:
    own = [f"pulumi/pagerduty {PAGERDUTY[1]}"] if "pagerduty" in vendors else []
    bridged = (f"{namespace}/{name} {version}" for namespace, name, version in _BRIDGED if name in vendors)
    return ", ".join([*bridged, *own])
