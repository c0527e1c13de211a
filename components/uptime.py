"""The outside view: monitors that look at the platform as its users do."""

import os
from typing import Final

import pulumi
import pulumi_uptimerobot as uptimerobot

from components.alerting import Alerting
from components.settings import UptimeSettings
from components.settings.uptime import STATUS_PAGES_VARIABLE, CheckedUrl

_STATUS_PAGES: Final = "https://stats.uptimerobot.com"


class Uptime(pulumi.ComponentResource):
    """
    Monitors on /health, /api/version and the frontend, in one group, on one status page.

    Publishes for policies: `watches`, one entry per address with its incident level.
    """

    TYPE: Final = "bulwark:index:Uptime"

    group: uptimerobot.MonitorGroup
    monitors: dict[CheckedUrl, uptimerobot.Monitor]

    def __init__(
        self,
        name: str,
        args: UptimeSettings,
        *,
        platform: str,
        api: str,
        frontend: str,
        alerting: Alerting,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        urls: dict[CheckedUrl, str] = {
            "health": f"{api}/health",
            "version": f"{api}/api/version",
            "frontend": f"{frontend}/",
        }
        watches = [{"url": url, "severity": args.severities[check]} for check, url in urls.items()]
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
            check: uptimerobot.Monitor(
                f"{name}-{check}",
                name=f"{platform} {check}",
                # A page that answers 200 without the keyword is down.
                type="KEYWORD" if check == "health" else "HTTP",
                url=url,
                interval=args.interval_seconds,
                timeout=args.timeout_seconds,
                http_method_type="GET",
                follow_redirections=check == "frontend",
                success_http_response_codes=["2xx"],
                keyword_type="ALERT_NOT_EXISTS" if check == "health" else None,
                keyword_case_type="CaseSensitive" if check == "health" else None,
                keyword_value=args.health_keyword if check == "health" else None,
                check_ssl_errors=True,
                ssl_expiration_reminder=True,
                domain_expiration_reminder=True,
                config={"ssl_expiration_period_days": list(args.certificate_warning_days)},
                response_time_threshold=args.slow_after_milliseconds,
                region_data={"regions": list(args.regions), "auto_select": False},
                assigned_alert_contacts=alerting.contacts(args.severities[check]),
                group_id=self.group.id.apply(int),
                maintenance_window_ids=windows,
                is_paused=False,
                tags=[platform, args.severities[check]],
                opts=child,
            )
            for check, url in urls.items()
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
