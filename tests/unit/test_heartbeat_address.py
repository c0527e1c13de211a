"""The address of a heartbeat's signals, from what UptimeRobot's API answers of it."""

import pytest

from components.scheduled_job import complete_heartbeat


@pytest.mark.parametrize("answered", ["0a1b2c", "https://heartbeat.uptimerobot.com/m123-0a1b2c"])
def test_a_heartbeat_has_a_whole_address_also_where_the_vendor_answers_its_token(answered: str) -> None:
    assert complete_heartbeat("123", answered) == "https://heartbeat.uptimerobot.com/m123-0a1b2c"
