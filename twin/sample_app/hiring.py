"""Sample rows: jobs, candidates with their files, and applications with interviews, offers and messages."""

import hashlib
from datetime import date, timedelta
from decimal import Decimal

from psycopg.types.json import Jsonb
from psycopg.types.range import Range

from twin.sample_app.draw import EPOCH, WORDS, Draw, Size, TableRows, Tables

tables = Tables()
_STAGES = ("new", "screening", "interview", "offer", "hired")
_KINDS = ("cv", "cover_letter", "certificate", "contract")


def file_body(object_key: str) -> bytes:
    """Return the content of a file; the table `files` has its size and digest."""
    return b"%PDF-1.7\n" + hashlib.shake_256(object_key.encode()).digest(512 + len(object_key)) + b"\n%%EOF\n"


@tables.rows_of("id", "organization_id", "name")
def pipelines(size: Size, _: Draw) -> TableRows:
    for n in range(size.organizations):
        yield n + 1, n + 1, "default"


@tables.rows_of("id", "pipeline_id", "position", "name", "maps_to")
def stages(size: Size, _: Draw) -> TableRows:
    for n in range(5 * size.organizations):
        yield n + 1, n // 5 + 1, n % 5, _STAGES[n % 5].title(), _STAGES[n % 5]


@tables.rows_of(
    *(
        "id",
        "organization_id",
        "department_id",
        "location_id",
        "pipeline_id",
        "title",
        "description",
        "employment",
    ),
    *("status", "salary", "currency", "opens_at", "closes_at", "updated_at"),
)
def jobs(size: Size, draw: Draw) -> TableRows:
    for n in range(size.jobs):
        company = n // 6 + 1
        low = Decimal(draw.randrange(20_000, 90_000))
        salary = draw.choice([Range(low, low * 2), Range(low, None), Range(empty=True), None])
        opens = draw.moment(100)
        closes = draw.choice(["infinity", opens + timedelta(days=60)])
        employment = draw.choice(["full_time", "part_time", "contract", "internship"])
        status = draw.choice(["draft", "open", "open", "paused", "closed"])
        place = (company, 3 * company - draw.randrange(3), company, company)
        yield (
            n + 1,
            *place,
            draw.word("titles"),
            draw.text(6),
            employment,
            status,
            salary,
            "EUR",
            opens,
            closes,
            opens,
        )


@tables.rows_of("job_id", "locale", "title")
def job_translations(size: Size, draw: Draw) -> TableRows:
    for n in range(size.jobs):
        for locale in draw.sample(WORDS["locales"], 3):
            yield n + 1, locale, draw.word("titles")


@tables.rows_of("job_id", "skill_id", "weight")
def job_skills(size: Size, draw: Draw) -> TableRows:
    for n in range(size.jobs):
        for skill in draw.sample(range(len(WORDS["skills"])), 4):
            yield n + 1, skill + 1, draw.random()


@tables.rows_of("id", "job_id", "question", "choices", "required")
def job_questions(size: Size, draw: Draw) -> TableRows:
    for n in range(size.jobs):
        yield (
            n + 1,
            n + 1,
            draw.text(1) + "?",
            draw.choice([None, [["yes", "ja"], ["no", "nein"]]]),
            n % 2 == 0,
        )


@tables.rows_of(
    *("id", "reference", "public_id", "given_name", "family_name", "born_on", "address", "profile", "tags"),
    *("consent_until", "created_at", "updated_at"),
)
def candidates(size: Size, draw: Draw) -> TableRows:
    for n in range(size.candidates):
        given, family = draw.word("people")
        born = draw.choice([None, date(1950, 1, 1) + timedelta(days=draw.randrange(20_000))])
        tags = draw.sample(WORDS["employers"], draw.randrange(3))
        created = draw.moment()
        consent = draw.choice(["infinity", created + timedelta(days=365)])
        person = (draw.uuid(), given, family, born, draw.address(), draw.document(), tags)
        yield n + 1, 1000 + 7 * n, *person, consent, created, created


@tables.rows_of("email", "candidate_id", "is_primary")
def candidate_emails(size: Size, _: Draw) -> TableRows:
    for n in range(size.candidates):
        yield f"candidate{n + 1}@example.com", n + 1, True
        if n % 4 == 0:
            yield f"anwärter{n + 1}@bücher.example", n + 1, False


@tables.rows_of("candidate_id", "skill_id", "level")
def candidate_skills(size: Size, draw: Draw) -> TableRows:
    for n in range(size.candidates):
        for skill in draw.sample(range(len(WORDS["skills"])), 3):
            yield n + 1, skill + 1, draw.randrange(101)


@tables.rows_of("id", "candidate_id", "employer", "during", "description")
def candidate_experiences(size: Size, draw: Draw) -> TableRows:
    for n in range(2 * size.candidates):
        begin = date(2010, 1, 1) + timedelta(days=draw.randrange(4000))
        end = draw.choice([None, begin + timedelta(days=700)])
        yield (
            n + 1,
            n // 2 + 1,
            draw.word("employers"),
            Range(begin, end),
            draw.choice([None, "", draw.text(3)]),
        )


@tables.rows_of("id", "candidate_id", "school", "graduated_in", "grade")
def candidate_education(size: Size, draw: Draw) -> TableRows:
    for n in range(size.candidates):
        yield (
            n + 1,
            n + 1,
            draw.word("cities")[0],
            draw.randrange(1970, 2026),
            Decimal(draw.randrange(100, 600)) / 100,
        )


@tables.rows_of("candidate_id", "language", "level")
def candidate_languages(size: Size, draw: Draw) -> TableRows:
    for n in range(size.candidates):
        for language in draw.sample(WORDS["locales"], 2):
            yield n + 1, language, draw.randrange(101)


@tables.rows_of("id", "object_key", "content_type", "size_bytes", "sha256", "uploaded_at")
def files(size: Size, draw: Draw) -> TableRows:
    for n in range(2 * size.candidates):
        folder = "cvs" if n % 2 == 0 else "documents"
        name = draw.choice(["Lebenslauf ä.pdf", "cv.pdf", "履歴書.pdf", "résumé (1).pdf"])
        key = f"{folder}/{n // 2 + 1}/{draw.getrandbits(64):016x}/{name}"
        body = file_body(key)
        yield n + 1, key, "application/pdf", len(body), hashlib.sha256(body).digest(), draw.moment()


@tables.rows_of("id", "candidate_id", "kind", "title", "file_id", "created_at")
def documents(size: Size, draw: Draw) -> TableRows:
    for n in range(2 * size.candidates):
        kind = "cv" if n % 2 == 0 else draw.choice(_KINDS[1:])
        yield n + 1, n // 2 + 1, kind, draw.text(1), n + 1, draw.moment()


@tables.rows_of("document_id", "version", "file_id", "thumbnail")
def document_versions(size: Size, draw: Draw) -> TableRows:
    for n in range(2 * size.candidates):
        yield n + 1, 1, n + 1, draw.choice([None, b"", draw.randbytes(64)])


@tables.rows_of("document_id", "model", "embedding")
def document_embeddings(size: Size, draw: Draw) -> TableRows:
    for n in range(0, 2 * size.candidates, 4):
        yield n + 1, "sample-16", str([round(draw.uniform(-1, 1), 6) for _ in range(16)])


@tables.rows_of(
    "id", "job_id", "candidate_id", "status", "stage_id", "rating", "source", "applied_at", "updated_at"
)
def applications(size: Size, draw: Draw) -> TableRows:
    for n in range(size.applications):
        candidate = n // 2
        job = (candidate * 7 + n % 2) % size.jobs
        position = min(int(draw.expovariate(1)), 4)
        status = _STAGES[position] if draw.random() < 0.7 else draw.choice(["rejected", "withdrawn"])
        rating = draw.choice([None, draw.random(), float("nan")])
        source = draw.choice(["careers page", "referral", None, ""])
        applied = draw.moment()
        yield (
            n + 1,
            job + 1,
            candidate + 1,
            status,
            job // 6 * 5 + position + 1,
            rating,
            source,
            applied,
            applied,
        )


@tables.rows_of("application_id", "question_id", "answer")
def application_answers(size: Size, draw: Draw) -> TableRows:
    for n in range(size.applications):
        question = (n // 2 * 7 + n % 2) % size.jobs + 1
        yield n + 1, question, Jsonb(draw.choice([None, True, 10**30, "\u0001 tab\t", ["ja"], draw.text(2)]))


@tables.rows_of("id", "application_id", "from_status", "to_status", "moved_at")
def application_moves(size: Size, draw: Draw) -> TableRows:
    for n in range(2 * size.applications):
        yield n + 1, n // 2 + 1, *((None, "new") if n % 2 == 0 else ("new", "screening")), draw.moment()


@tables.rows_of("id", "application_id", "interviewer_id", "during")
def interviews(size: Size, _: Draw) -> TableRows:
    for n in range(size.applications // 4):
        begin = EPOCH + timedelta(hours=n // size.users)
        yield n + 1, 4 * n + 1, n % size.users + 1, Range(begin, begin + timedelta(hours=1))


@tables.rows_of("interview_id", "rating", "notes")
def interview_feedback(size: Size, draw: Draw) -> TableRows:
    for n in range(size.applications // 4):
        yield n + 1, draw.randrange(101), draw.text(4)


@tables.rows_of("id", "application_id", "salary", "currency", "starts_on", "notice", "accepted_at")
def offers(size: Size, draw: Draw) -> TableRows:
    for n in range(size.applications // 10):
        starts = date(2026, 4, 1) + timedelta(days=draw.randrange(200))
        salary = Decimal(draw.randrange(10**7, 10**14)) / 100
        yield (
            n + 1,
            10 * n + 1,
            salary,
            "EUR",
            starts,
            draw.choice(["3 mons", "14 days"]),
            draw.choice([None, draw.moment()]),
        )


@tables.rows_of("id", "organization_id", "application_id", "body", "sent_at")
def messages(size: Size, draw: Draw) -> TableRows:
    for n in range(size.applications):
        job = (n // 2 * 7 + n % 2) % size.jobs
        yield n + 1, job // 6 + 1, n + 1, draw.text(draw.randrange(1, 8)), draw.moment()


@tables.rows_of("id", "occurred_at", "actor_id", "action", "subject", "details")
def audit_events(size: Size, draw: Draw) -> TableRows:
    for n in range(2 * size.applications):
        occurred = draw.moment(900) - timedelta(days=450)
        details = Jsonb(
            {"from": "new", "ip": f"192.0.2.{draw.randrange(256)}", "note": draw.word("sentences")}
        )
        actor = draw.choice([None, draw.randrange(size.users) + 1])
        yield n + 1, occurred, actor, "application.moved", f"application/{n // 2 + 1}", details
