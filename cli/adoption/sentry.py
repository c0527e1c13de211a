"""Searches Sentry for a stack's team and projects."""

from functools import cache

from cli.adoption.finding import AdoptableResource, Candidate, SoughtResource
from components.settings import ErrorSettings, SentryService, Settings
from live.sentry import SentryObject, list_projects, list_teams
from live.vendor_api import Api


def adoptable_resources(api: Api, settings: Settings) -> list[AdoptableResource]:
    """Return the team, and the project of each service."""
    errors = settings.errors

    projects = cache(lambda: list_projects(api, errors.organization))

    def project(slug: str, service: SentryService) -> AdoptableResource:
        path = ("errors", "services", slug, "adopt")
        sought = SoughtResource(f"Sentry project {slug}", path, f"errors-{slug}-project", service.adopt)
        return sought, lambda: _project_candidates(projects(), errors, slug)

    present = errors.adopt_team or None
    team = SoughtResource(f"Sentry team {errors.team}", ("errors", "adopt_team"), "errors-team", present)
    return [
        (team, lambda: _team_candidates(list_teams(api, errors.organization), errors)),
        *(project(slug, service) for slug, service in errors.services.items()),
    ]


def _team_candidates(found: list[SentryObject], errors: ErrorSettings) -> list[Candidate]:
    """Return the team of that slug, or else the teams of its name, which the setting can't name."""
    if any(team.slug == errors.team for team in found):
        return [Candidate(errors.team, value=True)]
    if errors.adopt_team:
        return []
    return [
        Candidate(team.slug, value=True, obstacle=f"its slug is another one: write `team: {team.slug}`.")
        for team in found
        if team.name == errors.team_name
    ]


def _project_candidates(found: list[SentryObject], errors: ErrorSettings, service: str) -> list[Candidate]:
    """
    Return the project of the slug in the setting, or of the service's own, or else the projects of that name.

    A slug is unique in an organization.
    """
    wanted = errors.services[service].adopt or service
    if any(project.slug == wanted for project in found):
        return [Candidate(wanted, wanted)]
    if errors.services[service].adopt:
        return []
    taken = {other.adopt or slug for slug, other in errors.services.items()}
    note = f"found by its name; its slug becomes {service}."
    return [
        Candidate(project.slug, project.slug, note)
        for project in found
        if project.name == service and project.slug not in taken
    ]
