"""The outside view: monitors that look at the platform as its users do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pulumi
import pulumi_uptimerobot as uptimerobot

from components.alerting import Alerting
from components.severity import Severity


@dataclass(frozen=True)
class WatchedAddress:
    """An address that is watched from outside."""

    title: str
    """Name of its monitor, as alerts and the status page show it."""

    url: pulumi.Input[str]
    severity: Severity
    """Incident level of its failure."""

    keyword: pulumi.Input[str] | None = None
    """Text that the answer must contain; an answer 200 without it counts as down."""

    statuses: Sequence[str] = ("2xx",)
    """HTTP statuses that count as up."""

    follow_redirects: bool = False


@dataclass(frozen=True)
class WeeklyWindow:
    """A weekly window in which no alerts are sent."""

    weekday: int
    """1 is Monday."""

    time: str
    """Start, HH:mm:00, in the account's time zone."""

    duration_minutes: int


@dataclass(frozen=True)
class UptimeArgs:
    """What `Uptime` is made of."""

    group: str
    """Name of the group of monitors, and of the maintenance window."""

    addresses: Mapping[str, WatchedAddress]
    """Name of the monitor's resource, after the component's -> what it looks at."""

    status_page: pulumi.Input[str]
    """Title of the public status page."""

    interval_seconds: int = 60
    """Seconds between two looks; UptimeRobot's plan has a shortest one."""

    timeout_seconds: int = 30
    regions: Sequence[Literal["na", "eu", "as", "oc"]] = ("eu", "na")
    slow_after_milliseconds: int = 2_000
    certificate_warning_days: Sequence[int] = (30, 14, 7, 1)
    """Days before a certificate's expiry on which an alert is sent."""

    maintenance: WeeklyWindow | None = None
    status_pages: str = "https://stats.uptimerobot.com"
    """Address of the server that has UptimeRobot's public status pages."""


class Uptime(pulumi.ComponentResource):
    """
    A monitor for each address, in one group, on one status page.

    Publishes for policies: `watches`, one entry per address with its incident level.
    """

    TYPE: Final = "bulwark:index:Uptime"

    group: uptimerobot.MonitorGroup
    monitors: dict[str, uptimerobot.Monitor]
    """Its monitor, by the address's name."""

    def __init__(
        self,
        name: str,
        args: UptimeArgs,
        *,
        alerting: Alerting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self._status_pages = args.status_pages
        watches = [{"url": one.url, "severity": one.severity} for one in args.addresses.values()]
        super().__init__(self.TYPE, name, {"watches": watches}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.group = uptimerobot.MonitorGroup(f"{name}-group", name=args.group, opts=child)
        windows = []
        if args.maintenance:
            window = uptimerobot.MaintenanceWindow(
                f"{name}-maintenance",
                name=f"{args.group} maintenance",
                interval="weekly",
                days=[args.maintenance.weekday],
                time=args.maintenance.time,
                duration=args.maintenance.duration_minutes,
                auto_add_monitors=False,
                opts=child,
            )
            windows = [window.id.apply(int)]
        self.monitors = {
            key: uptimerobot.Monitor(
                f"{name}-{key}",
                name=one.title,
                # A page that answers 200 without the keyword is down.
                type="KEYWORD" if one.keyword else "HTTP",
                url=one.url,
                interval=args.interval_seconds,
                timeout=args.timeout_seconds,
                http_method_type="GET",
                follow_redirections=one.follow_redirects,
                success_http_response_codes=list(one.statuses),
                keyword_type="ALERT_NOT_EXISTS" if one.keyword else None,
                keyword_case_type="CaseSensitive" if one.keyword else None,
                keyword_value=one.keyword,
                check_ssl_errors=True,
                ssl_expiration_reminder=True,
                domain_expiration_reminder=True,
                config={"ssl_expiration_period_days": list(args.certificate_warning_days)},
                response_time_threshold=args.slow_after_milliseconds,
                region_data={"regions": list(args.regions), "auto_select": False},
                assigned_alert_contacts=alerting.contacts(one.severity),
                group_id=self.group.id.apply(int),
                maintenance_window_ids=windows,
                is_paused=False,
                tags=[args.group, one.severity],
                opts=child,
            )
            for key, one in args.addresses.items()
        }
        self.status_page = uptimerobot.Psp(
            f"{name}-status-page",
            name=args.status_page,
            monitor_ids=[monitor.id.apply(int) for monitor in self.monitors.values()],
            status="ENABLED",
            opts=child,
        )
        self.register_outputs({"statusPageKey": self.status_page.url_key})

    @property
    def status_page_url(self) -> pulumi.Output[str]:
        """The address of the public status page."""
        return pulumi.Output.concat(self._status_pages, "/", self.status_page.url_key)
