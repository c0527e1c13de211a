"""
A load test for Locust: how long `/health` takes while several clients ask at once.

It sends as many requests as `--requests` says, and ends with exit code 1 where one failed or where 95 % took
longer than `--objective` milliseconds. It is for staging and the twin (docs/readiness.md).
"""
# Locust runs this in an environment of its own; it is no dependency of the project.

from itertools import count
from typing import Any, Final

import gevent
from locust import HttpUser, constant, events, task
from locust.exception import StopUser

_PERCENTILE: Final = 0.95
_numbers: Final = count(1)
"""Of the requests, from 1."""


@events.init_command_line_parser.add_listener
def add_options(parser: Any) -> None:
    """Add what a run is told besides Locust's own options."""
    parser.add_argument("--path", default="/health", help="what is asked for")
    parser.add_argument("--requests", type=int, default=160, help="how many are sent, of all users together")
    parser.add_argument(
        "--authority", default="", help="file of the authority that certificates are checked by"
    )
    parser.add_argument("--objective", type=float, default=1_000, help="milliseconds that 95 %% may take")


@events.quitting.add_listener
def judge(environment: Any, **_: object) -> None:
    """Set the exit code."""
    total = environment.stats.total
    milliseconds = total.get_response_time_percentile(_PERCENTILE) or 0
    is_late = milliseconds > environment.parsed_options.objective
    environment.process_exit_code = int(is_late or total.num_failures > 0 or total.num_requests == 0)


class Client(HttpUser):
    """Asks again as soon as it is answered."""

    wait_time = constant(0)

    def on_start(self) -> None:
        """Check certificates."""
        self.client.verify = self.environment.parsed_options.authority or True

    @task
    def ask(self) -> None:
        """Send one request, or end the run where all were sent."""
        options = self.environment.parsed_options
        if next(_numbers) > options.requests:
            raise StopUser
        self.client.get(options.path)
        if self.environment.stats.total.num_requests >= options.requests:
            gevent.spawn(self.environment.runner.quit)  # which ends the greenlet that runs this
