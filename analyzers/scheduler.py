"""The schedule: joins and analyses again and again, and stops cleanly. All timing is APScheduler's."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from elasticsearch import ApiError, TransportError

from driftline.ingest.client import explain

from . import runs
from .alerts.delivery.send import send_notices
from .cluster import StoreError
from .references import NoDataError
from .windows import Window, parse_length

if TYPE_CHECKING:
    from .cluster import Cluster
    from .monitors import Monitors

log = structlog.get_logger("driftline.run")


def parse_options(every: str, lookback: str) -> tuple[timedelta, timedelta]:
    """The two lengths of `driftline run`.

    Raises:
        ValueError: One of them is no length.
    """
    found = []
    for name, text in (("--every", every), ("--lookback", lookback)):
        try:
            found.append(parse_length(text))
        except ValueError as error:
            msg = f"{name}: {error}"
            raise ValueError(msg) from None
    return found[0], found[1]


def run(cluster: Cluster, monitors: Monitors, every: timedelta, lookback: timedelta) -> None:
    """Analyse now and at every interval, until SIGTERM or SIGINT; the turn at hand is finished first."""
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    scheduler = BackgroundScheduler(timezone=UTC)
    scheduler.add_job(
        turn,
        "interval",
        args=(cluster, monitors, lookback, stop),
        seconds=every.total_seconds(),
        next_run_time=datetime.now(UTC),
        # A turn that takes longer than the interval is followed by one turn, not by a queue of them.
        max_instances=1,
        coalesce=True,
        misfire_grace_time=None,
    )
    scheduler.start()
    log.info("started", every=str(every), models=[model.name for model in monitors.models])
    try:
        # A wait without end would keep Python from running the signal handlers on some platforms.
        while not stop.wait(timeout=1):
            pass
    finally:
        scheduler.shutdown(wait=True)
        for number, handler in previous.items():
            signal.signal(number, handler)
        log.info("stopped")


def turn(cluster: Cluster, monitors: Monitors, lookback: timedelta, stop: threading.Event) -> None:
    """One join and analysis; what fails is said in one line and tried again at the next turn."""

    def halt(*_: Any) -> None:
        if stop.is_set():
            raise runs.Stopped

    now = datetime.now(UTC)
    try:
        period = Window(now - lookback, now)
        joined, summaries = runs.analyze(cluster, monitors, now, _warn, period=period, progress=halt)
    except runs.Stopped:
        return
    except (ApiError, TransportError) as error:
        log.warning("turn failed", reason=explain(error, cluster.url))
    except (NoDataError, StoreError) as error:
        log.warning("turn failed", reason=str(error))
    else:
        for summary in summaries:
            log.info(
                "analysed",
                model=summary.model,
                windows=summary.analysed,
                outcomes=joined.joined,
                **dict(summary.statuses),
            )
    _tell(cluster, monitors)


def _warn(reason: str) -> None:
    log.warning("not recorded", reason=reason)


def _tell(cluster: Cluster, monitors: Monitors) -> None:
    """Send what was decided, also when this turn's analysis failed: what was decided before may still wait."""
    try:
        done = send_notices(cluster, monitors.notify, datetime.now(UTC))
    except (ApiError, TransportError) as error:
        log.warning("notices not sent", reason=explain(error, cluster.url))
    except StoreError as error:
        log.warning("notices not sent", reason=str(error))
    else:
        for reason in done.errors:
            log.warning("notice not sent", reason=reason)
        if done.stages:
            log.info("notices", **dict(done.stages))
