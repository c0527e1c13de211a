"""What a stack lacks for the policies, as answers that `init` would take."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from components.settings import Settings


@dataclass(frozen=True)
class MissingAnswer:
    """An answer whose absence policies refuse: the setting that it gives, and the option that takes it."""

    setting: str
    what: str
    option: str
    policies: tuple[str, ...]


@dataclass(frozen=True)
class _PossibleAnswer:
    setting: str
    what: str
    option: str
    is_missing: Callable[[Settings], bool]


def _count_alarm_channels(settings: Settings) -> int:
    """Count the channels that AWS's alarms reach (components/alarm_endpoints.py)."""
    return sum(channel.type in {"email", "webhook"} for channel in settings.alerting.channels.values())


_SERVICE: Final = _PossibleAnswer(
    "services", "what the public reaches", "--service NAME=ADDRESS", lambda settings: not settings.services
)
_CRITICAL: Final = _PossibleAnswer(
    "services.NAME.critical",
    "a critical service, which answers /health",
    "--service NAME=ADDRESS/health",
    lambda settings: not any(service.critical for service in settings.services.values()),
)
_KEYWORD: Final = _PossibleAnswer(
    "services.NAME.checks.health.keyword",
    "a text that /health answers",
    "--set services.NAME.checks.health.keyword=TEXT",
    lambda settings: any(
        service.critical and any(check.keyword is None for check in service.checks.values())
        for service in settings.services.values()
    ),
)
_STORE: Final = _PossibleAnswer(
    "stores", "what is backed up", "--store NAME=TYPE:PLACE", lambda settings: not settings.stores
)
_VAULTS: Final = _PossibleAnswer(
    "backups",
    "vaults in two accounts and regions; in production a copy at another cloud too",
    "--vault ACCOUNT/REGION twice, --elsewhere VENDOR",
    lambda settings: settings.backups is None,
)
_SECOND_ACCOUNT: Final = _PossibleAnswer(
    "backups.replica.account",
    "another account for the replica",
    "--vault, the second one",
    lambda settings: settings.backups is not None and not settings.backups.has_second_account,
)
_ELSEWHERE: Final = _PossibleAnswer(
    "backups.elsewhere",
    "a copy of the backups at another cloud",
    "--elsewhere VENDOR",
    lambda settings: settings.backups is None or settings.backups.elsewhere is None,
)
_UPTIME: Final = _PossibleAnswer(
    "uptime", "a vendor that looks from outside", "--uptime PLAN", lambda settings: settings.uptime is None
)
_ERRORS: Final = _PossibleAnswer(
    "errors",
    "a vendor that collects errors",
    "--errors ORGANIZATION/TEAM",
    lambda settings: settings.errors is None,
)
_CHANNELS: Final = _PossibleAnswer(
    "alerting",
    "somebody who is told",
    "--channel NAME=TYPE:TARGET",
    lambda settings: not settings.alerting.channels,
)
_OTHER_DOMAIN: Final = _PossibleAnswer(
    "alerting.channels",
    "a channel that is not in a watched domain",
    "--channel NAME=TYPE:TARGET",
    lambda settings: bool(settings.alerting.channels),
)
_SECOND_CHANNEL: Final = _PossibleAnswer(
    "alerting.channels",
    "two channels that AWS can tell: mail, webhook",
    "--channel NAME=webhook",
    lambda settings: _count_alarm_channels(settings) < 2,
)

_ANSWERS: Final = (
    *(_SERVICE, _CRITICAL, _KEYWORD, _STORE, _VAULTS, _SECOND_ACCOUNT, _ELSEWHERE, _UPTIME, _ERRORS),
    *(_CHANNELS, _OTHER_DOMAIN, _SECOND_CHANNEL),
)
"""In the order in which `init` asks."""

CAUSES: Final[Mapping[str, tuple[_PossibleAnswer, ...]]] = {
    "alert-reaches-someone": (_CHANNELS,),
    "endpoint-has-monitor": (_UPTIME, _CRITICAL),
    "endpoint-has-second-prober": (_UPTIME, _ERRORS),
    "endpoint-is-published": (_SERVICE, _CRITICAL),
    "endpoint-monitor-checks-content": (_KEYWORD,),
    "endpoint-monitor-is-fast": (_UPTIME, _CHANNELS),
    "endpoint-monitor-looks-from-several-regions": (_UPTIME,),
    "error-project-has-alerts": (_CHANNELS,),
    "job-has-cron-monitor": (_ERRORS,),
    "job-has-heartbeat": (_UPTIME,),
    "job-protects-something": (_STORE,),
    "monitor-reaches-someone": (_CHANNELS,),
    "monitor-route-is-independent": (_CHANNELS, _OTHER_DOMAIN),
    "sentry-monitor-has-alert": (_CHANNELS,),
    "service-has-error-project": (_SERVICE, _ERRORS),
    "store-backups-outlast-corruption": (_VAULTS,),
    "store-has-copy-elsewhere": (_ELSEWHERE,),
    "store-has-independent-backup": (_VAULTS, _SECOND_ACCOUNT),
    "store-is-drilled": (_VAULTS, _UPTIME, _CHANNELS),
    "store-is-proven": (_VAULTS, _UPTIME, _CHANNELS),
    "store-loss-is-within-objective": (_VAULTS, _UPTIME, _CHANNELS),
    "vault-is-filled": (_STORE,),
    "vault-is-replicated": (_SECOND_ACCOUNT,),
    "vault-raises-alarms": (_CHANNELS, _SECOND_CHANNEL),
}
"""Policy -> the answers that it may want; the first of them that is missing is the one."""


def find_missing_answers(
    settings: Settings, policies: Iterable[str]
) -> tuple[list[MissingAnswer], list[str]]:
    """Return the answers that the refusing policies want, and the policies that want something else."""
    wanted: dict[str, list[str]] = {}
    others: list[str] = []
    for policy in policies:
        answer = next((one for one in CAUSES.get(policy, ()) if one.is_missing(settings)), None)
        (wanted.setdefault(answer.what, []) if answer else others).append(policy)
    return [
        MissingAnswer(one.setting, one.what, one.option, tuple(wanted[one.what]))
        for one in _ANSWERS
        if one.what in wanted
    ], others
