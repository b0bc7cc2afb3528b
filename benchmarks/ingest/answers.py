"""Stands where Elasticsearch does and is overloaded, or slow: a process of its own, so that it takes none of ours.

    python -m benchmarks.ingest.answers overloaded|slow

It prints its port, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import sys

SLOW_SECONDS = 0.5


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            size = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            body = await reader.readexactly(size)
            status, content = b"429 Too Many Requests", b'{"error":{"reason":"busy"},"status":429}'
            if sys.argv[1] == "slow":
                await asyncio.sleep(SLOW_SECONDS)
                items = b",".join([b'{"create":{"status":201}}'] * (body.count(b"\n") // 2))
                status, content = b"200 OK", b'{"errors":false,"items":[%b]}' % items
            writer.write(
                b"HTTP/1.1 %b\r\nX-Elastic-Product: Elasticsearch\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (status, len(content), content)
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
