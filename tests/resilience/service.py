"""A replica of a small service, with faults that can be switched on while it runs. Python's standard library only.

GET  /items/ID   {"id", "name", "by"}         POST /orders {"key"}   {"key", "by"}, counted by key
GET  /health     200                          POST /__faults         sets the faults below
GET  /__counts   requests, cancelled, orders
"""

import argparse
import asyncio
import json
import random
import signal
import socket
import struct


class Faults:
    delay = 0.0  # seconds that each answer takes
    errors = 0.0  # share answered with 503
    resets = 0.0  # share whose connection is reset, before or after the work is done
    hang = False  # never answers
    capacity = 0  # requests worked on at once; the others wait; 0: all
    work = 0.0  # seconds that each of them takes
    control = ""  # `Cache-Control` of its answers


class Replica:
    def __init__(self, name, seed):
        self.name, self.random = name, random.Random(seed)
        self.faults = Faults()
        self.requests = self.cancelled = self.under_way = 0
        self.orders = {}
        self.places = None
        self.connections = set()
        self.stopping = False

    async def serve(self, reader, writer):
        self.connections.add(writer)
        try:
            while not self.stopping:
                request = await self.read(reader)
                if request is None:
                    return
                self.under_way += 1
                try:
                    if not await self.answer(*request, reader, writer):
                        return
                finally:
                    self.under_way -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def read(self, reader):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        line, *headers = head.decode("latin-1").split("\r\n")
        method, path, _ = line.split(" ", 2)
        length = next((int(h.split(":")[1]) for h in headers if h.lower().startswith("content-length:")), 0)
        return method, path, await reader.readexactly(length) if length else b""

    async def answer(self, method, path, body, reader, writer):
        """Whether the connection stays."""
        if path == "/health":
            if self.faults.hang:
                await asyncio.sleep(3600)
            return await self.send(writer, 200, {"up": True})
        if path == "/__counts":
            counts = {"requests": self.requests, "cancelled": self.cancelled, "orders": self.orders}
            return await self.send(writer, 200, counts)
        if path == "/__faults":
            for name, value in json.loads(body).items():
                setattr(self.faults, name, value)
            self.places = asyncio.Semaphore(self.faults.capacity) if self.faults.capacity else None
            return await self.send(writer, 200, {})
        self.requests += 1
        chance = self.random.random()
        if chance < self.faults.errors:
            return await self.send(writer, 503, {"error": "no"})
        resets = chance < self.faults.errors + self.faults.resets
        if resets and self.random.random() < 0.5:
            return self.reset(writer)
        if not await self.work(reader):
            self.cancelled += 1
            return False
        if method == "POST":
            key = json.loads(body)["key"]
            self.orders[key] = self.orders.get(key, 0) + 1
            answer = {"key": key, "by": self.name}
        else:
            answer = {"id": path.rsplit("/", 1)[1], "name": "item", "by": self.name}
        return self.reset(writer) if resets else await self.send(writer, 200, answer)

    async def work(self, reader):
        """Whether the caller is still there at the end."""
        gone = asyncio.ensure_future(reader.read(1))
        done = asyncio.ensure_future(self.take_time())
        await asyncio.wait({gone, done}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            done.cancel()
            return False
        gone.cancel()
        try:
            await gone
        except asyncio.CancelledError:
            pass
        return True

    async def take_time(self):
        if self.faults.hang:
            await asyncio.sleep(3600)
        if self.places:
            async with self.places:
                await asyncio.sleep(self.faults.work)
        if self.faults.delay:
            await asyncio.sleep(self.faults.delay)

    def reset(self, writer):
        plain = writer.get_extra_info("socket")
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    async def send(self, writer, status, body):
        text = json.dumps(body).encode()
        stays = "close" if self.stopping else "keep-alive"
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\nconnection: {stays}\r\n"
        head += f"cache-control: {self.faults.control}\r\n\r\n" if self.faults.control else "\r\n"
        writer.write(head.encode() + text)
        await writer.drain()
        return not self.stopping


async def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, default=0)
    arguments.add_argument("--name", default="a")
    given = arguments.parse_args()
    replica = Replica(given.name, given.name)
    server = await asyncio.start_server(replica.serve, "127.0.0.1", given.port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    # As services should: no new connections, what is under way is finished, idle connections are closed.
    replica.stopping = True
    server.close()
    while replica.under_way:
        await asyncio.sleep(0.01)
    for writer in list(replica.connections):
        writer.close()
    await asyncio.sleep(0.05)


asyncio.run(main())
