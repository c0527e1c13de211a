"""The outside view: monitors that look at the platform as its users do."""

import os
from typing import Final

import pulumi
import pulumi_uptimerobot as uptimerobot

from components.alerting import Alerting
from components.settings import Services, UptimeSettings
from components.settings.uptime import STATUS_PAGES_VARIABLE

_STATUS_PAGES: Final = "https://stats.uptimerobot.com"


class Uptime(pulumi.ComponentResource):
    """
    A monitor for each check of each service, in one group, on one status page.

    Publishes for policies: `watches`, one entry per address with its incident level.
    """

    TYPE: Final = "bulwark:index:Uptime"

    group: uptimerobot.MonitorGroup
    monitors: dict[str, uptimerobot.Monitor]
    """`<service>-<check>` -> its monitor."""

    def __init__(
        self,
        name: str,
        args: UptimeSettings,
        *,
        platform: str,
        services: Services,
        alerting: Alerting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        watched = {
            (name_of_service, name_of_check): (f"{service.url}{check.path}", check)
            for name_of_service, service in sorted(services.items())
            for name_of_check, check in sorted(service.checks.items())
            if "uptimerobot" in check.watched_by
        }
        watches = [{"url": url, "severity": check.severity} for url, check in watched.values()]
        super().__init__(self.TYPE, name, {"watches": watches}, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.group = uptimerobot.MonitorGroup(f"{name}-group", name=platform, opts=child)
        windows = []
        if args.maintenance:
            window = uptimerobot.MaintenanceWindow(
                f"{name}-maintenance",
                name=f"{platform} maintenance",
                interval="weekly",
                days=[args.maintenance.weekday],
                time=args.maintenance.time,
                duration=args.maintenance.duration_minutes,
                auto_add_monitors=False,
                opts=child,
            )
            windows = [window.id.apply(int)]
        self.monitors = {
            "-".join(names): uptimerobot.Monitor(
                "-".join((name, *names)),
                name=" ".join((platform, *names)),
                # A page that answers 200 without the keyword is down.
                type="KEYWORD" if check.keyword else "HTTP",
                url=url,
                interval=args.interval_seconds,
                timeout=args.timeout_seconds,
                http_method_type="GET",
                follow_redirections=check.follow_redirects,
                success_http_response_codes=list(check.statuses),
                keyword_type="ALERT_NOT_EXISTS" if check.keyword else None,
                keyword_case_type="CaseSensitive" if check.keyword else None,
                keyword_value=check.keyword,
                check_ssl_errors=True,
                ssl_expiration_reminder=True,
                domain_expiration_reminder=True,
                config={"ssl_expiration_period_days": list(args.certificate_warning_days)},
                response_time_threshold=args.slow_after_milliseconds,
                region_data={"regions": list(args.regions), "auto_select": False},
                assigned_alert_contacts=alerting.contacts(check.severity),
                group_id=self.group.id.apply(int),
                maintenance_window_ids=windows,
                is_paused=False,
                tags=[platform, check.severity],
                opts=child,
            )
            for names, (url, check) in watched.items()
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
        server = os.environ.get(STATUS_PAGES_VARIABLE) or _STATUS_PAGES
        return pulumi.Output.concat(server, "/", self.status_page.url_key)
