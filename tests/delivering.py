"""An analyzer for the tests that kill it: one round of sending, killed before its n-th call that leaves the process.

    python delivering.py URL NAMESPACE MONITORS NOW KILL_AT

Exit code 0: there was no such call.
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import elastic_transport
import urllib3

from driftline.analyzers import monitors
from driftline.analyzers.alerts.delivery.send import send_notices
from driftline.analyzers.cluster import Cluster
from driftline.ingest.client import connect
from driftline.ingest.streams import Streams


def main() -> None:
    """Send, and die on the way."""
    url, namespace, file, now, kill_at = sys.argv[1:]
    left = int(kill_at)

    def counted(call: Any) -> Any:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return wrapped

    transport: Any = elastic_transport.Transport
    transport.perform_request = counted(transport.perform_request)
    urllib3.request = counted(urllib3.request)
    configuration = monitors.load(Path(file), namespace)
    with connect(url) as client:
        send_notices(Cluster(client, Streams(namespace)), configuration.notify, datetime.fromisoformat(now))


if __name__ == "__main__":
    main()
