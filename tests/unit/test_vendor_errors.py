"""The message about a vendor's refusal, from errors in the form of the real providers."""

import pytest

from engine import vendor_errors

STACK = "urn:pulumi:prod::bulwark"
PROJECT = (
    f"{STACK}::bulwark:index:Platform$bulwark:index:Database$neon:index/project:Project::database-project"
)
MONITOR = f"{STACK}::bulwark:index:Uptime$uptimerobot:index/monitor:Monitor::uptime-backend-health"
COLLECTION = f"{STACK}::railway:index/variableCollection:VariableCollection::host-backend-variables"
VARIABLE = (
    f"{STACK}::vercel:index/projectEnvironmentVariable:ProjectEnvironmentVariable"
    "::host-frontend-vite-sentry-dsn"
)
NEON = f"{STACK}::pulumi:providers:neon::neon"


def read_refusal(urn: str, message: str) -> vendor_errors.VendorRefusal:
    (refusal,) = vendor_errors.read([(urn, message)])
    return refusal


def test_a_refusal_names_the_vendor_the_resource_the_reason_and_the_next_step() -> None:
    assert str(read_refusal(PROJECT, "[HTTP Code: 503][Error Code: ] Service is down.:")) == (
        "bulwark: Neon refused database-project: Service is down (HTTP 503).\n"
        "  Next: see neonstatus.com and the network; if it was being made, `./bulwark adopt` finds what Neon "
        "has of it; then run the same command again; it goes on from there."
    )


@pytest.mark.parametrize(
    ("status", "words", "next_step"),
    [
        (401, "authorization bearer invalid", "NEON_API_KEY"),
        (403, "not allowed", "NEON_API_KEY"),
        (404, "branch not found", "./bulwark refresh --accept"),
        (409, "role exists", "`./bulwark adopt` finds it"),
        (423, "project has running operations", "wait for its end"),
        (429, "too many requests", "wait a minute"),
        (400, "history must be at most 21600 on the free plan", "ask for less"),
        (422, "projects limit exceeded", "ask for less"),
        (400, "there is no such region", "correct the stack's settings"),
        (500, "internal", "neonstatus.com"),
    ],
)
def test_every_status_has_a_next_step(status: int, words: str, next_step: str) -> None:
    refusal = read_refusal(PROJECT, f"[HTTP Code: {status}][Error Code: ] {words}")
    assert refusal.reason == f"{words} (HTTP {status})."
    assert next_step in refusal.next_step


@pytest.mark.parametrize(
    "message",
    [
        "unexpected EOF:",
        'Post "https://console.neon.tech/api/v2/projects": context deadline exceeded '
        "(Client.Timeout exceeded while awaiting headers)",
        "dial tcp: lookup console.neon.tech: no such host",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ],
)
def test_a_vendor_that_does_not_answer_is_told_from_one_that_refuses(message: str) -> None:
    assert "neonstatus.com and the network" in read_refusal(PROJECT, message).next_step


@pytest.mark.parametrize(
    ("message", "next_step"),
    [
        (
            "creating IAM OIDC Provider: operation error IAM: CreateOpenIDConnectProvider, https response "
            "error StatusCode: 409, RequestID: 1, EntityAlreadyExists: Provider already exists.",
            "`./bulwark adopt` finds it",
        ),
        (
            "creating S3 Bucket (b): StatusCode: 409, BucketAlreadyOwnedByYou: yours",
            "`./bulwark adopt` finds",
        ),
        (
            "creating KMS Key: StatusCode: 400, AccessDeniedException: User is not authorized",
            "by an administrator",
        ),
        ("No valid credential sources found", "aws sts get-caller-identity"),
        (
            "putting S3 Bucket Policy: StatusCode: 409, OperationAborted: A conflicting operation",
            "wait a minute",
        ),
        (
            "creating IAM Role: StatusCode: 503, ServiceFailure: try later",
            "`./bulwark adopt` finds what AWS has",
        ),
        (
            "creating KMS Key: StatusCode: 400, MalformedPolicyDocumentException: no",
            "correct the stack's settings",
        ),
    ],
)
def test_an_error_of_aws_has_a_next_step_by_its_code(message: str, next_step: str) -> None:
    role = (
        f"{STACK}::bulwark:index:Backups$bulwark:index:Identity$aws:iam/role:Role::backups-identity-planner"
    )
    refusal = read_refusal(role, message)
    assert (refusal.vendor, refusal.resource) == ("AWS", "backups-identity-planner")
    assert next_step in refusal.next_step


@pytest.mark.parametrize(
    ("resource", "message", "next_step"),
    [
        (COLLECTION, "input:3: variableCollectionUpsert Not Authorized", "no project's token"),
        (COLLECTION, "input:3: service Service not found", "./bulwark pulumi state delete"),
        (COLLECTION, "no variable names", "./bulwark pulumi state delete"),
        (COLLECTION, "returned error 429: error code: 1015", "wait a minute"),
        (
            VARIABLE,
            "The environment variable VITE_SENTRY_DSN already exists: prj_1/abc",
            "`host-frontend-vite-sentry-dsn: TEAM/PROJECT/ID`",
        ),
    ],
)
def test_an_error_of_a_host_has_a_next_step_by_its_words(resource: str, message: str, next_step: str) -> None:
    assert next_step in read_refusal(resource, message).next_step


def test_a_missing_key_is_named_by_its_secret() -> None:
    missing = read_refusal(NEON, 'could not validate provider configuration: "api_key" must be set')
    assert missing.resource == "neon"
    assert "NEON_API_KEY" in missing.next_step


def test_colours_and_repeated_errors_are_left_out() -> None:
    twice = [
        (PROJECT, "<{%fg 1%}>[ERROR] : [HTTP Code: 409][Error Code: ] there already\n<{%reset%}>"),
        (PROJECT, "[HTTP Code: 409][Error Code: ] there already:"),
        (MONITOR, "status: 429, rate limit reached"),
    ]
    assert [(one.vendor, one.resource) for one in vendor_errors.read(twice)] == [
        ("Neon", "database-project"),
        ("UptimeRobot", "uptime-backend-health"),
    ]
    assert vendor_errors.read(twice)[0].reason == "there already (HTTP 409)."


@pytest.mark.parametrize(
    ("urn", "message"),
    [
        (f"{STACK}::pulumi:pulumi:Stack::bulwark-prod", "update failed"),
        ("", "the stack is locked"),
        (f"{STACK}::bulwark:index:Vault::backups-vault", "failed to run policy: context canceled"),
        (PROJECT, "unable to replace resource: protected"),
    ],
)
def test_an_error_that_no_vendor_gave_is_left_to_the_engine(urn: str, message: str) -> None:
    assert vendor_errors.read([(urn, message)]) == []
