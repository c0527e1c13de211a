"""AWS's policy documents as rules read them, and the matching of names."""

import fnmatch
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from policy_harness import UNKNOWN, Toy, resource_requests, secret, stack_request

from core.credential_forms import credential_kind
from policies.facts.iam_documents import ANYONE, Statement, matches, read_identity_statements, read_statements
from policies.framework.stack import PolicyStack, Resource

NAMES = st.text(st.sampled_from("ab:/-"), max_size=12)
PATTERNS = st.text(st.sampled_from("ab:/-*?"), max_size=12)


def resource(**inputs: Any) -> Resource:
    toys = [Toy("aws:iam/policy:Policy", "made", inputs, provider="aws")]
    announced = {request.urn: request.properties for request in resource_requests(toys)}
    return PolicyStack(stack_request(toys).resources, announced).resources[0]


def only(statement: Any) -> Statement:
    (found,), lacking = read_statements(resource(policy=json.dumps({"Statement": statement})))
    assert lacking == []
    return found


@given(pattern=PATTERNS, text=NAMES)
def test_a_pattern_matches_what_a_glob_of_the_standard_library_does(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatch.fnmatchcase(text, pattern)


@given(st.text(max_size=20))
def test_a_name_matches_itself_with_any_part_as_a_wildcard(text: str) -> None:
    plain = text.replace("*", "").replace("?", "")
    assert matches(plain, plain)
    assert matches("*", plain)
    assert matches("?" * len(plain), plain)
    assert matches(f"{plain[:3]}*{plain[3:]}", plain)
    assert not matches(f"{plain}?", plain)


@given(pattern=st.text(string.ascii_letters + "*:", max_size=12))
def test_actions_match_whatever_their_case(pattern: str) -> None:
    assert matches(pattern.upper(), pattern.lower().replace("*", "x"), fold=True)


@pytest.mark.parametrize("text", ["a" * 10_000, "ab" * 5_000, "a\n" * 5_000])
def test_many_wildcards_are_matched_without_trying_every_split(text: str) -> None:
    # Tried naively, these need more steps than there are atoms.
    assert not matches("a*" * 60 + "z", text)
    assert matches("a*" * 60, text)


def test_a_single_statement_or_action_reads_like_a_list_of_one() -> None:
    one = only(
        {
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::a/*",
            "Principal": {"AWS": "1"},
            "Condition": {"Bool": {"aws:SecureTransport": True}},
        }
    )
    many = only(
        [
            {
                "Effect": "Allow",
                "Action": ["s3:GetObject"],
                "Resource": ["arn:aws:s3:::a/*"],
                "Principal": {"AWS": ["1"]},
                "Condition": {"Bool": {"AWS:securetransport": ["true"]}},
            }
        ]
    )
    assert one == many
    assert one.covers("S3:getobject", "arn:aws:s3:::a/key")
    assert not one.covers("s3:GetObject", "arn:aws:s3:::A/key")
    assert not one.covers("s3:PutObject", "arn:aws:s3:::a/key")
    assert one.condition_values("Bool", "aws:SecureTransport") == ("true",)
    assert one.condition_values("StringEquals", "aws:SecureTransport") == ()


@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["*"]}])
def test_a_public_principal_is_recognised_in_every_notation(principal: Any) -> None:
    assert only({"Effect": "Allow", "Principal": principal}).principals == (ANYONE,)


def test_a_statement_with_exceptions_covers_everything_else() -> None:
    statement = only({"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::a"})
    assert statement.covers("s3:GetObject", "arn:aws:s3:::b")
    assert not statement.covers("iam:GetRole", "arn:aws:s3:::b")
    assert not statement.covers("s3:GetObject", "arn:aws:s3:::a")


def test_a_statement_that_does_not_deny_counts_as_a_permission() -> None:
    assert [only({"Effect": effect}).allows for effect in ("Allow", "Deny", "deny", None)] == [
        True,
        False,
        True,
        True,
    ]


def test_a_condition_leaves_values_only_where_none_may_be_missing() -> None:
    def conditioned(operator: str) -> Statement:
        return only({"Effect": "Allow", "Condition": {operator: {"aws:SourceAccount": "1"}}})

    assert conditioned("StringEquals").allowed_values("AWS:SourceAccount") == ("1",)
    assert conditioned("ArnLike").allowed_values("aws:SourceAccount") == ("1",)
    for loose in ("StringEqualsIfExists", "ForAllValues:StringEquals", "StringNotEquals", "Null"):
        assert conditioned(loose).allowed_values("aws:SourceAccount") == ()


@pytest.mark.parametrize(
    "document",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        '"text"',
        "7",
        '{"Statement": "text"}',
        '{"Statement": [1]}',
        [],
        7.0,
        True,
        None,
    ],
)
def test_a_value_that_is_no_policy_document_is_reported(document: Any) -> None:
    statements, (lack,) = read_statements(resource(policy=document))
    assert statements == []
    assert "no policy that can be read" in lack.text
    assert not lack.undecided


@pytest.mark.parametrize(
    "document",
    [
        UNKNOWN,
        secret(UNKNOWN),
        {"Statement": UNKNOWN},
        {"Statement": [{"Effect": "Allow", "Resource": [UNKNOWN]}]},
        {"Statement": [{"Effect": "Allow", "Resource": secret(UNKNOWN)}]},
    ],
)
def test_a_policy_document_with_an_unknown_part_is_undecided(document: Any) -> None:
    statements, (lack,) = read_statements(resource(policy=document))
    assert statements == []
    assert lack.undecided


def test_a_policy_document_as_an_object_reads_like_its_text() -> None:
    statement = {"Effect": "Allow", "Action": ["s3:GetObject"], "Principal": {"AWS": "1"}}
    found = only(statement)
    for document in (
        {"Statement": [statement]},
        secret({"Statement": [statement]}),
        {"Statement": [{**statement, "Principal": secret({"AWS": secret("1")})}]},
        secret(json.dumps({"Statement": statement})),
    ):
        assert read_statements(resource(policy=document)) == ([found], [])


def test_a_roles_inline_policies_are_read_together() -> None:
    def role(inline: Any) -> Resource:
        toys = [Toy("aws:iam/role:Role", "made", {"inlinePolicies": inline}, provider="aws")]
        return PolicyStack(stack_request(toys).resources).resources[0]

    def document(action: str) -> str:
        return json.dumps({"Statement": {"Action": action}})

    two = role([{"policy": document("s3:GetObject")}, {}, {"policy": document("kms:Decrypt")}])
    assert [statement.actions for statement in read_identity_statements(two)[0]] == [
        ("s3:GetObject",),
        ("kms:Decrypt",),
    ]
    assert [lack.undecided for lack in read_identity_statements(role(UNKNOWN))[1]] == [True]
    assert [lack.undecided for lack in read_identity_statements(role([{"policy": UNKNOWN}]))[1]] == [True]


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "Effect",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Principal",
    "NotPrincipal",
    "Condition",
)


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=4), max_size=3))
def test_no_content_of_a_statement_crashes_its_reading(statements: list[Any]) -> None:
    found, lacking = read_statements(resource(policy=json.dumps({"Statement": statements})))
    assert len(found) == len(statements)
    assert lacking == []
    for statement in found:
        statement.covers("s3:GetObject", "arn:aws:s3:::a")
        statement.allowed_values("aws:SourceArn")


# Credentials are put together here, so that no scanner of repositories takes them for real ones.
@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("AKIA" + "ABCDEFGH234567IJ", "an AWS access key"),
        ("id=ASIA" + "ABCDEFGH234567IJ;", "an AWS access key"),
        ("-----BEGIN " + "PRIVATE KEY-----", "a private key"),
        ("a\n-----BEGIN RSA " + "PRIVATE KEY-----\nb", "a private key"),
        ("-----BEGIN OPENSSH " + "PRIVATE KEY-----", "a private key"),
        ("postgres://owner:word@example.com/a", "an address with a password"),
        ("postgresql://owner:w%40rd@example.com:5432/a?sslmode=require", "an address with a password"),
        ("https://public:private@o1.ingest.sentry.io/1", "an address with a password"),
        ("redis://:word@example.com", "an address with a password"),
        ("xox" + "b-1234567890-abc", "a Slack token"),
        ("https://hooks.slack.com/services/" + "T0000/B0000/abc", "a Slack webhook"),
        ("https://discord.com/api/webhooks/" + "1/abc", "a Discord webhook"),
        ("ghp_" + "a" * 36, "a GitHub token"),
        ("ghs_" + "a" * 36, "a GitHub token"),
        ("github_pat_" + "a" * 22, "a GitHub token"),
        ("glpat-" + "a" * 20, "a GitLab token"),
        ("sk_live_" + "a" * 24, "a Stripe key"),
        ("rk_live_" + "a" * 24, "a Stripe key"),
        ("whsec_" + "a" * 32, "a Stripe key"),
        ("sntrys_" + "a" * 40, "a Sentry token"),
        ("sntryu_" + "a" * 64, "a Sentry token"),
        ("napi_" + "a" * 64, "a Neon key"),
        ("u1234567-" + "a" * 24, "an UptimeRobot key"),
        ("ur1234567-" + "a" * 24, "an UptimeRobot key"),
        ("m1234567-" + "a" * 24, "an UptimeRobot key"),
        ("https://heartbeat.uptimerobot.com/m123-abc", "an UptimeRobot heartbeat"),
        ("pul-" + "0" * 40, "a Pulumi token"),
        ("AIza" + "a" * 35, "a Google key"),
        ("Bearer eyJ" + "a" * 20 + ".eyJ" + "a" * 20 + ".abc", "a signed token"),
    ],
)
def test_credentials_are_known_by_their_form(text: str, form: str) -> None:
    assert credential_kind(text) == form
    assert credential_kind(f'{{"key": "{text}"}}') == form


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hidden",
        "AKIA",
        "https://example.com/a:b@c",
        "https://example.com:8443/a@b",
        "https://owner@example.com/",
        "postgresql://owner@example.com/a",
        "arn:aws:iam::123456789012:role/example-backup-writer",
        "arn:aws:s3:::example/*",
        "urn:pulumi:prod::bulwark::aws:s3/bucket:Bucket::vault",
        "-----BEGIN CERTIFICATE-----",
        "https://o1.ingest.sentry.io/1",
        "sk_test_" + "a" * 24,
        "8d1f0b6ce2c14a7cbd53d4a06d8f4a11",
    ],
)
def test_public_identifiers_are_not_taken_for_credentials(text: str) -> None:
    assert credential_kind(text) is None


@pytest.mark.parametrize("part", ["://", "://a:", "eyJ", "eyJ-", "a" * 10, "-----BEGIN ", "ur1", "gh"])
def test_a_long_text_is_searched_once_for_credentials(part: str) -> None:
    assert credential_kind(part * 50_000) is None
