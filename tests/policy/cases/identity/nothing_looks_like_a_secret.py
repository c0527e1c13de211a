from dataclasses import replace

from case import Case
from policy_harness import UNKNOWN, alter, secret

CASE = Case(
    rule="nothing-looks-like-a-secret",
    at="alerting-automation",
    weak=(
        lambda s: alter(s, "alerting-automation", postValue="key AKIA" + "ABCDEFGHIJKLMNOP"),
        lambda s: alter(s, "alerting-automation", extra=[{"deep": "postgresql://owner:word@example.com/a"}]),
        lambda s: alter(s, "alerting-automation", extra={"sk_live_" + "a" * 16: True}),
        lambda s: [
            replace(toy, outputs={"answer": "ghp_" + "a" * 36}) if toy.name == "alerting-automation" else toy
            for toy in s
        ],
    ),
    absent=(),
    unknown=(),
    secret=(
        lambda s: alter(s, "alerting-automation", postValue=secret("key AKIA" + "ABCDEFGHIJKLMNOP")),
        lambda s: alter(s, "alerting-automation", extra=secret({"sk_live_" + "a" * 16: True})),
    ),
    fine=(
        lambda s: alter(s, "alerting-automation", postValue="https://example.com:8443/a@b"),
        lambda s: alter(s, "alerting-automation", postValue=UNKNOWN),
    ),
)
