"""When the next check-in is expected, and what counts as the same error."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from twin.host.time_scale import SPEED_VARIABLE, TimeScale
from twin.sentry.checkins import next_checkin_time
from twin.sentry.envelopes import EnvelopeError, parse_envelope, to_occurrence


def test_a_crontab_is_read_in_the_monitors_time_zone_also_when_the_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    monitor = {"schedule": {"crontab": "30 3 * * *"}, "timezone": "Europe/Berlin"}
    before = datetime(2026, 10, 24, 3, 30, tzinfo=berlin)
    expected = datetime(2026, 10, 25, 3, 30, tzinfo=berlin)
    assert next_checkin_time(monitor, before.timestamp(), TimeScale(60)) == expected.timestamp()
    assert expected.timestamp() - before.timestamp() == 25 * 3600


@pytest.mark.parametrize(
    ("value", "unit", "seconds"), [(5, "minute", 300), (2, "hour", 7200), (1, "week", 604800)]
)
def test_an_interval_is_counted_from_the_last_check_in(value: int, unit: str, seconds: int) -> None:
    monitor = {"schedule": {"intervalValue": value, "intervalUnit": unit}}
    assert next_checkin_time(monitor, 1000.0, TimeScale()) == pytest.approx(1000 + seconds)
    assert next_checkin_time(monitor, 1000.0, TimeScale(10)) == pytest.approx(1000 + seconds / 10)


def failure(value: str, function: str = "pay", **frame: Any) -> dict[str, Any]:
    frames = [
        {"module": "app", "function": function, "in_app": True, **frame},
        {"module": "library", "function": "inner"},
    ]
    exception = {"type": "ValueError", "value": value, "stacktrace": {"frames": frames}}
    return {"exception": {"values": [{"type": "OSError", "value": "the cause"}, exception]}}


def test_the_topmost_frame_of_the_program_tells_errors_apart() -> None:
    first, second = (to_occurrence(failure("x", function), "1") for function in ("pay", "refund"))
    assert first.fingerprint != second.fingerprint
    assert (first.title, first.culprit) == ("ValueError: x", "app in pay")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("order 17 of 3", "order 18 of 4"),
        ("at 0x7f3a", "at 0x9c11"),
        ("job 3f2b9a10-1111-2222-3333-444455556666", "job 3f2b9a10-aaaa-bbbb-cccc-444455556667"),
    ],
)
def test_variable_parts_of_a_message_do_not_tell_errors_apart(left: str, right: str) -> None:
    assert to_occurrence(failure(left), "1").fingerprint == to_occurrence(failure(right), "1").fingerprint


def test_messages_are_grouped_by_their_template() -> None:
    events = [{"logentry": {"message": "job %s", "formatted": f"job {name}"}} for name in ("a", "b")]
    first, second = (to_occurrence(event, "1") for event in events)
    assert first.fingerprint == second.fingerprint
    assert (first.title, second.title) == ("job a", "job b")


def test_an_event_with_nothing_in_it_is_still_an_event() -> None:
    assert to_occurrence({}, "1").title == "<unlabeled event>"


def test_the_items_of_an_envelope_are_split_by_length_or_by_line() -> None:
    header, items = parse_envelope(b'{"dsn":"d"}\n{"type":"a","length":3}\nx\ny\n{"type":"b"}\nz')
    assert header == {"dsn": "d"}
    assert [(item.type, item.payload) for item in items] == [("a", b"x\ny"), ("b", b"z")]
    with pytest.raises(EnvelopeError):
        parse_envelope(b"{}\n[]\n")


@pytest.mark.parametrize("given", ["0", "-1", "nan", "fast", ""])
def test_the_twins_speed_must_be_a_number_above_zero(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SPEED_VARIABLE, given)
    with pytest.raises(ValueError, match=SPEED_VARIABLE):
        TimeScale.from_environment()
