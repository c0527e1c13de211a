"""Reports an error to Sentry as the platform's code would: by what its host's deployment says."""

from urllib.parse import urlsplit

from twin.host.deployed_service import DeployedService

_SEND_SECONDS = 5.0


def report_error(error: BaseException, deployed: DeployedService | None) -> None:
    """Send an error, unless the deployment has no DSN: then the SDK is off, as it is in production."""
    variables = deployed.variables if deployed else {}
    dsn = _find(variables, "SENTRY_DSN")
    if not dsn or not urlsplit(dsn).hostname:
        return
    from sentry_sdk import Client  # noqa: PLC0415 - a quarter of a second, which only an error costs
    from sentry_sdk.utils import event_from_exception  # noqa: PLC0415 - with it

    client = Client(
        dsn=dsn,
        environment=_find(variables, "SENTRY_ENVIRONMENT"),
        release=_find(variables, "SENTRY_RELEASE") or variables.get("VERCEL_GIT_COMMIT_SHA"),
        default_integrations=False,
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint)
    client.close(timeout=_SEND_SECONDS)


def _find(variables: dict[str, str], name: str) -> str | None:
    """Return a variable of Sentry's, whatever the build tool's prefix is."""
    return next((value for key, value in sorted(variables.items()) if key.endswith(name)), None)
