"""The names of the environment variables that a deployed service is given by its host."""

from typing import Final

DATABASE_URL: Final = "DATABASE_URL"
SENTRY_DSN: Final = "SENTRY_DSN"
SENTRY_ENVIRONMENT: Final = "SENTRY_ENVIRONMENT"
SENTRY_RELEASE: Final = "SENTRY_RELEASE"
"""As Sentry's SDKs read the last three (docs.sentry.io, "Options")."""

RAILWAY_COMMIT: Final = "${{RAILWAY_GIT_COMMIT_SHA}}"
"""
Reference to the commit of a deployment, which Railway fills in as it makes one.

Source: docs.railway.com/guides/variables, "Reference Variables".
"""
