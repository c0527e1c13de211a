"""Sample rows: companies, their users, subscriptions and invoices."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal

from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from twin.sample_app.draw import Draw, Size, TableRows, Tables

tables = Tables()


@tables.rows_of("id", "public_id", "name", "slug", "owner_id", "address", "created_at", "updated_at")
def organizations(size: Size, draw: Draw) -> TableRows:
    for n in range(size.organizations):
        created = draw.moment()
        yield (
            n + 1,
            draw.uuid(),
            draw.word("employers"),
            f"company-{n + 1}",
            4 * n + 1,
            draw.address(),
            created,
            created,
        )


@tables.rows_of("organization_id", "settings", "branding", "allowed_networks", "updated_at")
def organization_settings(size: Size, draw: Draw) -> TableRows:
    for n in range(size.organizations):
        branding = '{"b": 1,  "a": 2, "a": 3}'  # json keeps order, spaces and duplicate keys; jsonb does not
        yield (
            n + 1,
            draw.document(),
            branding,
            ["10.0.0.0/8", "2001:db8::/32"][: draw.randrange(3)],
            draw.moment(),
        )


@tables.rows_of("id", "organization_id", "tier", "valid")
def subscriptions(size: Size, draw: Draw) -> TableRows:
    for n in range(size.organizations):
        change = draw.moment()
        yield 2 * n + 1, n + 1, "free", Range(None, change)
        yield 2 * n + 2, n + 1, draw.choice(["team", "business", "enterprise"]), Range(change, None)


@tables.rows_of("id", "organization_id", "number", "issued_on", "net_amount", "tax_rate", "currency")
def invoices(size: Size, draw: Draw) -> TableRows:
    for n in range(4 * size.organizations):
        amount = Decimal(draw.randrange(10**10)) / 100
        issued = date(2026, 1, 31) + timedelta(days=draw.randrange(300))
        yield n + 1, n // 4 + 1, n + 1, issued, amount, Decimal(draw.choice(["0", "0.19", "0.077"])), "EUR"


@tables.rows_of("invoice_id", "line", "description", "quantity", "unit_price")
def invoice_lines(size: Size, draw: Draw) -> TableRows:
    for n in range(8 * size.organizations):
        yield (
            n // 2 + 1,
            n % 2 + 1,
            draw.text(1),
            Decimal(draw.randrange(1, 999)) / 7,
            Decimal(draw.randrange(10**9)) / 10**4,
        )


@tables.rows_of(
    "id",
    "organization_id",
    "email",
    "display_name",
    "locale",
    "time_zone",
    "last_seen_at",
    "deactivated_at",
    "updated_at",
)
def users(size: Size, draw: Draw) -> TableRows:
    for n in range(size.users):
        left = "infinity" if draw.random() < 0.9 else draw.moment()
        seen = draw.moment() if draw.random() < 0.8 else None
        zone = draw.choice(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
        name = " ".join(draw.word("people"))
        yield (
            n + 1,
            n // 4 + 1,
            f"user{n + 1}@example.org",
            name,
            draw.word("locales"),
            zone,
            seen,
            left,
            draw.moment(),
        )


@tables.rows_of("user_id", "password_hash", "salt", "changed_at")
def user_credentials(size: Size, draw: Draw) -> TableRows:
    for n in range(size.users):
        yield n + 1, draw.randbytes(32), draw.randbytes(draw.randrange(17)), draw.moment()


@tables.rows_of("id", "user_id", "address", "device", "started_at", "lifetime")
def user_sessions(size: Size, draw: Draw) -> TableRows:
    for n in range(3 * size.users):
        address = draw.choice(
            [f"192.0.2.{draw.randrange(256)}", f"2001:db8::{draw.randrange(65536):x}", "198.51.100.7/24"]
        )
        device = draw.choice([None, f"08:00:2b:01:02:{draw.randrange(256):02x}"])
        yield (
            draw.uuid(),
            n // 3 + 1,
            address,
            device,
            draw.moment(),
            timedelta(seconds=draw.randrange(10**6)),
        )


@tables.rows_of("user_id", "organization_id", "role", "permissions")
def memberships(size: Size, draw: Draw) -> TableRows:
    for n in range(size.users):
        role = (
            "owner"
            if n % 4 == 0
            else draw.choice(["recruiter", "hiring manager", "interviewer", "read-only"])
        )
        yield n + 1, n // 4 + 1, role, f"{draw.getrandbits(draw.randrange(1, 17)):b}"


@tables.rows_of("id", "organization_id", "parent_id", "name")
def departments(size: Size, draw: Draw) -> TableRows:
    for n in range(3 * size.organizations):
        yield n + 1, n // 3 + 1, None if n % 3 == 0 else n, draw.word("titles")


@tables.rows_of("id", "department_id", "name")
def teams(size: Size, draw: Draw) -> TableRows:
    for n in range(3 * size.organizations):
        yield n + 1, n + 1, draw.word("titles")


@tables.rows_of("team_id", "user_id", "joined_on", "left_on")
def team_members(size: Size, draw: Draw) -> TableRows:
    for n in range(size.users):
        joined = date(2026, 1, 1) + timedelta(days=draw.randrange(300))
        yield n // 4 * 3 + 1, n + 1, joined, draw.choice(["infinity", joined + timedelta(days=30)])


@tables.rows_of("id", "organization_id", "name", "place", "opening_hours")
def locations(size: Size, draw: Draw) -> TableRows:
    for n in range(size.organizations):
        place = f"({draw.uniform(-180, 180)!r},{draw.uniform(-90, 90)!r})"
        yield n + 1, n + 1, draw.word("cities")[0], place, Jsonb({"mon": ["09:00", "17:00"], "sun": None})


@tables.rows_of("id", "organization_id", "name", "digest", "scopes", "expires_at")
def api_keys(size: Size, draw: Draw) -> TableRows:
    for n in range(size.organizations):
        expires = draw.choice(["infinity", draw.moment()])
        yield (
            n + 1,
            n + 1,
            draw.text(1),
            hashlib.sha256(draw.randbytes(16)).digest(),
            ["jobs:read", "applications:write"],
            expires,
        )


@tables.rows_of("id", "organization_id", "url", "events", "headers")
def webhooks(size: Size, draw: Draw) -> TableRows:
    for n in range(size.organizations):
        yield (
            n + 1,
            n + 1,
            f"https://hooks.example.org/{n}",
            ["application.hired"],
            Jsonb({"X-Trace": str(draw.uuid())}),
        )
