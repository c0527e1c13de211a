from case import Case
from policy_harness import ABSENT, UNKNOWN, alter, secret, without

from cases.endpoints import FRONTEND, HEALTH, HEALTH_URL, PLATFORM

CASE = Case(
    rule="endpoint-has-monitor",
    at=PLATFORM,
    weak=(
        lambda s: alter(s, HEALTH, isPaused=True),
        lambda s: alter(s, HEALTH, type="PING"),
        lambda s: alter(s, HEALTH, url="https://api.example.com/"),
        lambda s: alter(s, HEALTH, url="https://api.example.com/health?fast=1"),
        lambda s: alter(s, "uptime-backend-version", type="PING"),
        lambda s: alter(s, "uptime-backend-version", url="https://api.example.com/robots.txt"),
        lambda s: alter(s, HEALTH, url="https://other.example.com/health"),
        lambda s: alter(s, HEALTH, url="https://api.example.com:8443/health"),
        lambda s: alter(s, FRONTEND, isPaused=True),
        lambda s: alter(s, PLATFORM, endpoints__1__critical=True),
        lambda s: alter(s, PLATFORM, endpoints__1__critical=ABSENT),
        lambda s: alter(s, PLATFORM, endpoints__1__critical=UNKNOWN),
    ),
    absent=(
        lambda s: without(s, HEALTH),
        lambda s: without(s, FRONTEND),
        lambda s: alter(s, HEALTH, isPaused=ABSENT),
        lambda s: alter(s, HEALTH, url=ABSENT),
        lambda s: alter(s, HEALTH, type=ABSENT),
    ),
    unknown=(
        lambda s: alter(s, HEALTH, isPaused=UNKNOWN),
        lambda s: alter(s, HEALTH, url=UNKNOWN),
        lambda s: alter(s, HEALTH, type=UNKNOWN),
    ),
    secret=(
        lambda s: alter(s, HEALTH, isPaused=secret(value=False)),
        lambda s: alter(s, HEALTH, url=secret(HEALTH_URL)),
        lambda s: alter(s, HEALTH, type=secret("KEYWORD")),
    ),
    fine=(
        lambda s: alter(s, HEALTH, url="https://API.example.com:443/health"),
        lambda s: alter(alter(s, "uptime", watches=[]), HEALTH, url="https://api.example.com/health?deep=1"),
        lambda s: alter(s, HEALTH, type="API"),
        lambda s: without(
            alter(alter(s, "uptime", watches=[]), "uptime-backend-version", url=HEALTH_URL), HEALTH
        ),
    ),
)
