"""Watches a shop from outside and mails whoever is on call. Needs UPTIMEROBOT_API_KEY."""

import pulumi
import pulumi_uptimerobot

from components.alerting import Alerting, AlertingArgs
from components.channels import EmailChannel
from components.uptime import Uptime, UptimeArgs, WatchedAddress

vendor = pulumi.ResourceOptions(provider=pulumi_uptimerobot.Provider("uptimerobot"))
alerting = Alerting(
    "people",
    AlertingArgs(
        channels={"mail": EmailChannel("oncall@example.org")},
        routes={"sev1": ["mail"], "sev2": ["mail"]},
    ),
    opts=vendor,
)
uptime = Uptime(
    "shop",
    UptimeArgs(
        group="shop",
        addresses={
            "page": WatchedAddress("Shop page", "https://shop.example.com/", "sev1", keyword="Basket"),
            "version": WatchedAddress("Shop version", "https://shop.example.com/version", "sev2"),
        },
        status_page="Shop status",
    ),
    alerting=alerting,
    opts=vendor,
)
pulumi.export("status_page", uptime.status_page_url)
