"""What may exist at Sentry: team, projects, their keys and monitors, alerts, and services of PagerDuty."""

from collections.abc import Callable, Iterator
from typing import Final

from cli.adoption.finding import ResourceKind, VendorObject, Vendors
from live.declared import StateResource, inputs_of
from live.sentry import (
    SentryAlert,
    SentryMonitor,
    SentryObject,
    list_alerts,
    list_keys,
    list_monitors,
    list_pagerduty,
    list_projects,
    list_teams,
)

_PROJECT: Final = "sentry:index/project:Project"


def _organization(vendors: Vendors) -> str:
    errors = vendors.settings.errors
    return errors.organization if errors else ""


def _projects(vendors: Vendors) -> list[SentryObject]:
    return vendors.ask_once(("projects",), lambda: list_projects(vendors.apis.sentry, _organization(vendors)))


def _monitors(vendors: Vendors) -> list[SentryMonitor]:
    return vendors.ask_once(
        ("detectors",), lambda: list_monitors(vendors.apis.sentry, _organization(vendors))
    )


def _own_projects(vendors: Vendors) -> dict[str, str]:
    """Return id -> slug of the projects that the stack declares and that exist."""
    declared = {inputs_of(item).get("slug") for item in vendors.declared.of_type(_PROJECT)}
    return {item.id: item.slug for item in _projects(vendors) if item.slug in declared}


def _list_teams(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    organization = _organization(vendors)
    for item in list_teams(vendors.apis.sentry, organization):
        yield VendorObject(item.slug, {"slug": item.slug, "name": item.name}, f"{organization}/{item.slug}")


def _list_projects(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    for item in _projects(vendors):
        fields = {"slug": item.slug, "name": item.name}
        yield VendorObject(item.slug, fields, f"{_organization(vendors)}/{item.slug}")


def _list_keys(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    organization = _organization(vendors)
    for slug in _own_projects(vendors).values():
        for item in vendors.ask_once(
            ("keys", slug), lambda slug=slug: list_keys(vendors.apis.sentry, organization, slug)
        ):
            yield VendorObject(
                item.id, {"name": item.name, "project": slug}, f"{organization}/{slug}/{item.id}"
            )


def _list_monitors(type_: str) -> Callable[[Vendors, StateResource], Iterator[VendorObject]]:
    def ask(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
        slugs = _own_projects(vendors)
        for item in _monitors(vendors):
            if item.type == type_ and (slug := slugs.get(item.projectId)):
                import_id = f"{_organization(vendors)}/{slug}/{item.id}"
                yield VendorObject(item.id, {"name": item.name, "project": slug}, import_id)

    return ask


def _list_alerts(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    """Yield the alerts on monitors of the stack's own projects: others may have any name."""
    projects = _own_projects(vendors)
    monitors = {item.id for item in _monitors(vendors) if item.projectId in projects}
    alerts: list[SentryAlert] = vendors.ask_once(
        ("alerts",), lambda: list_alerts(vendors.apis.sentry, _organization(vendors))
    )
    for item in alerts:
        if item.detectorIds and set(item.detectorIds) <= monitors:
            yield VendorObject(item.id, {"name": item.name}, f"{_organization(vendors)}/{item.id}")


def _list_services(vendors: Vendors, _resource: StateResource) -> Iterator[VendorObject]:
    organization = _organization(vendors)
    for integration in list_pagerduty(vendors.apis.sentry, organization):
        for item in integration.configData.service_table:
            fields = {"service": item.service, "integrationId": integration.id}
            yield VendorObject(str(item.id), fields, f"{organization}/{integration.id}/{item.id}")


KINDS: Final = (
    # Other projects of the organization may belong to it.
    ResourceKind("sentry:index/team:Team", "team", _list_teams, ("slug", "name"), setting="reference"),
    ResourceKind(_PROJECT, "project", _list_projects, ("slug", "name")),
    ResourceKind("sentry:index/key:Key", "key", _list_keys, within=("project",)),
    ResourceKind(
        "sentry:index/cronMonitor:CronMonitor",
        "cron monitor",
        _list_monitors("monitor_check_in_failure"),
        within=("project",),
    ),
    ResourceKind(
        "sentry:index/metricMonitor:MetricMonitor",
        "metric monitor",
        _list_monitors("metric_issue"),
        within=("project",),
    ),
    ResourceKind(
        "sentry:index/uptimeMonitor:UptimeMonitor",
        "uptime monitor",
        _list_monitors("uptime_domain_failure"),
        within=("project",),
    ),
    ResourceKind(
        "sentry:index/integrationPagerduty:IntegrationPagerduty",
        "service of PagerDuty",
        _list_services,
        ("service",),
        within=("integrationId",),
    ),
    ResourceKind("sentry:index/alert:Alert", "alert", _list_alerts),
)
