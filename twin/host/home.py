"""Where the twin keeps everything it owns: services, data, ports, secrets and the engine's private home."""

from pathlib import Path

from core.state_folder import StateFolder


class TwinHome(StateFolder):
    """The folder of a checkout, with the parts that only the twin has."""

    @property
    def vendors(self) -> Path:
        """The SQLite file that holds what exists at Neon, UptimeRobot, Sentry and PagerDuty."""
        return self.root / "vendors.sqlite3"

    @property
    def aws(self) -> Path:
        """The AWS service's snapshot and object bodies."""
        return self.root / "aws"

    @property
    def files(self) -> Path:
        """The file store's buckets, a folder each."""
        return self.root / "files"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def tls(self) -> Path:
        """The twin's own certificate authority and the certificates it signed."""
        return self.root / "tls"

    @property
    def pulumi(self) -> Path:
        """PULUMI_HOME with the stand-in plugins."""
        return self.root / "pulumi"

    @property
    def pulumi_real(self) -> Path:
        """PULUMI_HOME with the vendors' own plugins, and AWS's stand-in."""
        return self.root / "pulumi-real"

    @property
    def state(self) -> Path:
        """The file backend of the stacks on the twin."""
        return self.root / "state"

    @property
    def platform_faults(self) -> Path:
        """The names of the faults that the sample platform shall have, one a line; a person writes them."""
        return self.root / "faults"

    def health_page(self, stack: str) -> Path:
        """The page with a stack's health, as `./bulwark status` wrote it last."""
        return self.root / f"health-{stack}.html"

    def create(self) -> None:
        """Make the folders; everything but the clusters is private to the current user."""
        super().create()
        for private in (
            self.aws,
            self.files,
            self.logs,
            self.tls,
            self.pulumi,
            self.pulumi_real,
            self.state,
        ):
            private.mkdir(mode=0o700, exist_ok=True)
