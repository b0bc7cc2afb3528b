"""A service for the tests that kill it: logs predictions until it is told or killed, and keeps a receipt for each.

    python accepting.py URL NAMESPACE SPOOL RECEIPTS PREFIX MODE

A receipt is a line with an id, written when the shipper has taken the prediction: what has one must never be lost.
"""

from __future__ import annotations

import os
import sys
import time

from driftline.ingest import Prediction, Shipper, Source


def main() -> None:
    """Log, and note what was taken."""
    url, namespace, spool, receipts, prefix, mode = sys.argv[1:]
    source = Source("checkout", namespace=namespace)
    shipper = Shipper(
        url, namespace=namespace, spool=spool or None, mode=mode, batch_size=100, max_age=0.02, queue_size=500
    )
    note = os.open(receipts, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number in range(10_000_000):
        event = Prediction(model="m", task="regression", value=number, id=f"{prefix}-{number}", features={"a": 1.5})
        if shipper.send(event.to_document(source)):
            os.write(note, f"{prefix}-{number}\n".encode())
        # A few thousand a second: enough to be killed in the middle of everything, and not to fill the disk.
        if number % 10 == 9:
            time.sleep(0.002)


if __name__ == "__main__":
    main()
