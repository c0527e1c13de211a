"""A job's heartbeat that is let lapse goes down in time, tells each of its contacts, and is over again."""

import math
from collections.abc import Collection, Iterator
from typing import Final

from core.failure import Failure
from core.text import printable
from live import uptimerobot
from live.heartbeats import DeclaredHeartbeat
from live.vendor_apis import Apis
from policies.framework.controls import Control
from readiness.check import NotApplicableError, Observation, ReadinessCheck
from readiness.heartbeat_lapse import LATEST_SECONDS, HeartbeatLapse
from readiness.live_platform import HeartbeatAccess, LivePlatform


def _look(platform: LivePlatform) -> Observation:
    access = platform.heartbeats
    heartbeats = access.list_declared() if access else ()
    if not access or not heartbeats:
        raise NotApplicableError("no job of the stack has a heartbeat at UptimeRobot")
    heartbeat = _choose(access.job, heartbeats)
    speed = access.read_speed()
    with access.open_apis() as apis:
        monitor = _find_monitor(apis, heartbeat)
        lapse = HeartbeatLapse(platform, apis, heartbeat, speed)
        lapse.seen.problems += [*_find_faults(heartbeat, monitor), *lapse.find_pagers()]
        if not lapse.seen.problems:  # otherwise it can't page as declared, and nobody has to wait for that
            _require_up(heartbeat, monitor)
            _require_short(access, heartbeat, speed)
            lapse.observe()
    return lapse.seen


def _choose(job: str, heartbeats: Collection[DeclaredHeartbeat]) -> DeclaredHeartbeat:
    """Return the heartbeat of a job, or the one that lapses soonest."""
    if not job:
        return min(heartbeats, key=lambda heartbeat: heartbeat.allowed_seconds)
    if found := next((one for one in heartbeats if one.job == job), None):
        return found
    raise Failure(
        f"No job {printable(job)} of the stack has a heartbeat.",
        f"name one of them: --job {' or '.join(one.job for one in heartbeats)}.",
    )


def _find_monitor(apis: Apis, heartbeat: DeclaredHeartbeat) -> uptimerobot.LiveMonitor | None:
    """
    Return the monitor of a heartbeat; None if there is none.

    Raises:
        Failure: it has another name, type or address than the stack declares and puts out.
    """
    monitor = uptimerobot.read_monitor(apis.uptimerobot, heartbeat.monitor)
    if not monitor:
        return None
    token, key = ((url or "").rpartition("/")[2] for url in (monitor.url, heartbeat.url))
    is_its_own = bool(token) and key in {token, f"m{monitor.id}-{token}"}
    if (monitor.type, monitor.friendlyName) != ("HEARTBEAT", heartbeat.title) or not is_its_own:
        raise Failure(
            f"The monitor {heartbeat.monitor} at UptimeRobot is not the heartbeat that the stack declares: "
            "its name, its type or its address differs.",
            "./bulwark drift shows what differs, and ./bulwark up puts it right.",
        )
    return monitor


def _find_faults(heartbeat: DeclaredHeartbeat, monitor: uptimerobot.LiveMonitor | None) -> Iterator[str]:
    """Yield why a heartbeat can't page as it is declared."""
    title = heartbeat.title
    if not monitor:
        yield f"the heartbeat {title} is gone: UptimeRobot has no monitor {heartbeat.monitor}"
        return
    if monitor.status == "PAUSED":
        yield f"the heartbeat {title} is paused, so that it never goes down"
    if (seconds := monitor.interval + (monitor.gracePeriod or 0)) > heartbeat.allowed_seconds:
        yield f"the heartbeat {title} goes down after {seconds} s; declared: {heartbeat.allowed_seconds:g} s"
    if not heartbeat.contacts:
        yield f"the heartbeat {title} tells nobody"
    delays = {str(one.alertContactId): one.threshold * 60 for one in monitor.assignedAlertContacts}
    for contact in heartbeat.contacts:
        if contact.id not in delays:
            yield f"the heartbeat {title} does not tell {contact.name}"
        elif delays[contact.id] > contact.delay_seconds:
            declared = f"declared: {contact.delay_seconds:g} s"
            yield f"the heartbeat {title} tells {contact.name} after {delays[contact.id]} s; {declared}"


def _require_up(heartbeat: DeclaredHeartbeat, monitor: uptimerobot.LiveMonitor | None) -> None:
    status = monitor.status if monitor else ""
    if status == "UP":
        return
    state = "is down already" if status.endswith("DOWN") else "had no signal yet"
    raise Failure(
        f"The heartbeat {heartbeat.title} {state}, so that it can't be let lapse.",
        f"run the job {heartbeat.job} once, and this again.",
    )


def _require_short(access: HeartbeatAccess, heartbeat: DeclaredHeartbeat, speed: float) -> None:
    seconds = heartbeat.allowed_seconds / speed
    minutes = math.ceil(seconds / 60)
    if seconds > access.longest_wait_seconds:
        raise Failure(
            f"The heartbeat {heartbeat.title} lapses at most {minutes} min after its last signal, and "
            f"{access.longest_wait_seconds / 60:g} min are the most to wait; nothing was let lapse.",
            f"keep the job {heartbeat.job} from running for so long, and wait: --wait {minutes}; or name "
            "another job: --job.",
        )


CHECK: Final = ReadinessCheck(
    id="lapsed-heartbeat-pages",
    title="A heartbeat that is let lapse pages in time",
    area="monitoring",
    priority="high",
    looks_at=(
        "The heartbeat of one job, which must not run meanwhile: whether its monitor goes down within its "
        "interval and grace period, each of its contacts is told within its delay, and PagerDuty calls "
        f"somebody, none of them more than {LATEST_SECONDS:g} s late. Then the job's signal is sent: whether "
        "the monitor is up and the incident over. Nothing is set otherwise at a vendor; whoever is on call "
        "is called."
    ),
    risk="A job does not run, and its alarm is one that nobody has ever seen arrive.",
    fix=(
        "See the heartbeat at UptimeRobot, its contacts and their keys, and who is on call at PagerDuty. "
        "`./bulwark up` puts right what is declared. Run the job, which is behind by one run."
    ),
    controls=(Control.SOC_CC7_2, Control.NIST_SI_4_12, Control.NIST_IR_4),
    look=_look,
    is_active=True,
    is_on_request=True,
)
