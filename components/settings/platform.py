"""The platform that is protected: its names, addresses, and recovery objectives."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from components.settings.model import Positive, SettingsModel, Slug


class ObjectiveSettings(SettingsModel):
    """How fast the platform must be back, and how much it may lose."""

    recovery_time_minutes: Positive = 60
    """RTO: from the incident to a working platform."""

    critical_recovery_time_minutes: Positive = 15
    """RTO of the services that are marked as critical."""

    recovery_point_minutes: Positive = 60
    """RPO of the first line of defence: the database's own history."""

    independent_recovery_point_hours: Positive = 27
    """RPO of the second line: what the vaults alone can give back when the database's vendor is gone."""

    proof_age_hours: Annotated[int, Field(ge=1, le=168)] = 30
    """How old the last proof of each store's backups may be: a backup that was restored and compared."""

    corruption_noticed_within_days: Positive = 14
    """How long silent corruption may go unseen; every retention must be longer."""


class StoreObjectives(SettingsModel):
    """What holds for one store in place of the platform's objective of the same name."""

    recovery_time_minutes: Positive | None = None
    critical_recovery_time_minutes: Positive | None = None
    """Until its first query is answered, and until the platform's program is healthy on it."""

    recovery_point_minutes: Positive | None = None
    independent_recovery_point_hours: Positive | None = None
    proof_age_hours: Annotated[int, Field(ge=1, le=168)] | None = None


class PlatformSettings(SettingsModel):
    """The block `bulwark:platform`."""

    environment: Literal["production", "staging", "local", "drill"]
    """
    Production turns on deletion protection and demands the policy pack; a stack's name means nothing. Staging
    stands beside production, in the same accounts and organizations.
    """

    name: Annotated[Slug, StringConstraints(max_length=20)]
    """Prefix of every physical name; short, because a bucket's name has 63 characters."""

    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    """GitHub repository (owner/name, spelled as GitHub does) whose workflows may assume the roles."""

    repository_id: Positive | None = None
    """GitHub's number of the repository: `gh api repos/OWNER/NAME --jq .id`."""

    repository_owner_id: Positive | None = None
    """GitHub's number of its owner: `gh api repos/OWNER/NAME --jq .owner.id`."""

    immutable_subject: bool = True
    """
    Whether GitHub's tokens name the repository by its numbers too. False is for a repository that was made
    before 15 July 2026, was not renamed or transferred since, and has not opted in.
    """

    objectives: ObjectiveSettings = Field(default_factory=ObjectiveSettings)
    beside: tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")], ...] = ()
    """
    Other stacks of this checkout in the same accounts and organizations, such as staging. What has their
    names is judged by their own `audit --live`, and is no finding of this one's.
    """

    @property
    def protected(self) -> bool:
        """Whether resources that hold data refuse deletion and replacement."""
        return self.environment == "production"

    @property
    def token_repository(self) -> str:
        """
        The repository as the subject of its OIDC tokens names it.

        Source: GitHub Docs, "OpenID Connect reference", immutable subject claims.
        """
        if not self.immutable_subject:
            return self.repository
        owner, _, name = self.repository.partition("/")
        return f"{owner}@{self.repository_owner_id}/{name}@{self.repository_id}"

    def subject(self, environment: str) -> str:
        """Return the subject of the OIDC tokens that jobs in a GitHub environment get."""
        return f"repo:{self.token_repository}:environment:{environment}"


def merge_objectives(platform: ObjectiveSettings, own: StoreObjectives | None) -> ObjectiveSettings:
    """Return the objectives of a store: its own and, for the rest, the platform's."""
    return platform.model_copy(update=own.model_dump(exclude_none=True)) if own else platform


def check_objectives(objectives: ObjectiveSettings) -> list[tuple[str, str]]:
    """Return the problems of objectives as a whole."""
    if objectives.critical_recovery_time_minutes <= objectives.recovery_time_minutes:
        return []
    return [
        (
            "critical_recovery_time_minutes",
            f"{objectives.critical_recovery_time_minutes} min; everything has only "
            f"{objectives.recovery_time_minutes} min",
        )
    ]


def rules(platform: PlatformSettings) -> list[tuple[str, str]]:
    """Return the problems of the block as a whole."""
    objectives = platform.objectives
    problems = [(f"objectives.{path}", text) for path, text in check_objectives(objectives)]
    ids = {"repository_id": platform.repository_id, "repository_owner_id": platform.repository_owner_id}
    if platform.immutable_subject:
        how = "`gh api repos/{} --jq '{{id, owner: .owner.id}}'` prints it; docs/production.md says when not"
        problems += [
            (name, f"is missing; {how.format(platform.repository)}")
            for name, number in ids.items()
            if number is None
        ]
    elif any(number is not None for number in ids.values()):
        problems.append(("immutable_subject", "is false, so that the two numbers would not be demanded"))
    return problems
