"""Sample rows that are the same at every scale, among them the extreme values of each type."""

from datetime import timedelta
from decimal import Decimal

from twin.sample_app.draw import EPOCH, WORDS, Draw, Size, TableRows, Tables

tables = Tables()


@tables.rows_of("tier", "monthly_price", "currency", "seats", "features")
def plans(_: Size, __: Draw) -> TableRows:
    yield "free", Decimal(0), "EUR", 2, []
    yield "team", Decimal("49.90"), "EUR", 10, ["pipelines"]
    yield "business", Decimal(199), "EUR", 50, ["pipelines", "api", 'quotes " and , commas']
    yield "enterprise", Decimal("1999.99"), "EUR", None, ["pipelines", "api", "sso", "NULL", ""]


@tables.rows_of(
    "id", "name", "exact", "approximate", "coarse", "count", "span", "day", "instant", "wall_clock"
)
def measurements(_: Size, __: Draw) -> TableRows:
    most, least = 2**63 - 1, -(2**63)
    yield (
        1,
        "largest",
        f"1{'0' * 1000}.5",
        "1.7976931348623157e308",
        "3.4028235e38",
        most,
        "178000000 years",
        "5874897-12-31",
        "294276-12-31 23:59:59.999999+00",
        "24:00:00-15:59",
    )
    yield (
        2,
        "smallest",
        f"-1{'9' * 1000}",
        "-1.7976931348623157e308",
        "-3.4028235e38",
        least,
        "-178000000 years",
        "4713-01-01 BC",
        "4713-01-01 00:00:00+00 BC",
        "00:00:00+15:59",
    )
    yield (
        3,
        "nearest to zero",
        f"0.{'0' * 1000}1",
        "5e-324",
        "1e-45",
        0,
        "00:00:00.000001",
        EPOCH.date(),
        EPOCH,
        "00:00:00.000001+00",
    )
    yield (
        4,
        "positive infinity",
        "Infinity",
        "Infinity",
        "Infinity",
        None,
        "infinity",
        "infinity",
        "infinity",
        None,
    )
    yield (
        5,
        "negative infinity",
        "-Infinity",
        "-Infinity",
        "-Infinity",
        None,
        "-infinity",
        "-infinity",
        "-infinity",
        None,
    )
    yield 6, "not a number", "NaN", "NaN", "NaN", None, None, None, None, None
    yield (
        7,
        "trailing zeros",
        "1.5000000",
        "-0",
        "-0",
        -1,
        "1 mon -1 day +01:00",
        "0001-12-31 BC",
        "1883-11-18 12:03:57+00",
        "23:59:60+00",
    )
    yield (
        8,
        "a third",
        Decimal(1) / 3,
        1 / 3,
        "0.33333334",
        1,
        "1 year 2 mons 3 days 04:05:06.7",
        "2024-02-29",
        "2024-02-29 23:59:59.999999+14",
        "12:00+05:45",
    )


@tables.rows_of("version", "name", "applied_at")
def schema_migrations(_: Size, __: Draw) -> TableRows:
    subjects = [
        *(
            "organizations",
            "users",
            "credentials",
            "sessions",
            "memberships",
            "departments",
            "teams",
            "locations",
        ),
        *(
            "pipelines",
            "stages",
            "jobs",
            "skills",
            "candidates",
            "profiles",
            "files",
            "documents",
            "applications",
        ),
        *("answers", "interviews", "feedback", "offers", "messages", "audit", "audit_partitions", "billing"),
        *("api_keys", "webhooks", "embeddings", "row_security"),
    ]
    for n, subject in enumerate(subjects):
        yield n + 1, f"{n + 1:04}_{subject}", EPOCH - timedelta(days=10 * (len(subjects) - n))


@tables.rows_of("id", "name", "aliases")
def skills(_: Size, __: Draw) -> TableRows:
    for n, skill in enumerate(WORDS["skills"]):
        yield n + 1, skill, [skill.upper(), skill.casefold()]
