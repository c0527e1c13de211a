"""What the settings say of a database at Neon, as its component takes it: for the platform and for drills."""

from components.neon import ComputeUnits, DatabaseArgs, MonthlyQuota
from components.settings import DatabaseSettings


def describe_neon_database(settings: DatabaseSettings, *, protect: bool) -> DatabaseArgs:
    """Return the arguments of a database; both have the same names."""
    same = DatabaseSettings.model_fields.keys() - {"compute", "quota"}
    return DatabaseArgs(
        **{name: getattr(settings, name) for name in same},
        compute=ComputeUnits(**dict(settings.compute)),
        quota=MonthlyQuota(**dict(settings.quota)),
        protect=protect,
    )
