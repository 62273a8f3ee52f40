"""A TCP proxy that can be cut: at once, after so many bytes of answers, or for as long as it is told."""

import asyncio


class Proxy:
    """Forwards to one address. `cuts` counts the connections that it broke."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = host, int(port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._budget: int | None = None
        self._once = False
        self._refusing = False
        self._serving: set[asyncio.Task[None]] = set()
        self.cuts = 0

    @classmethod
    async def open(cls, target: str) -> "Proxy":
        proxy = cls(target)
        proxy._server = await asyncio.start_server(proxy._serve, "127.0.0.1", 0)
        return proxy

    @property
    def endpoint(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut_after(self, size: int | None) -> None:
        """Break the connection after so many bytes of answers, and every later one too; None = no more."""
        self._budget = size

    def lose_answers_once(self, size: int) -> None:
        """Break all connections, and the next one after so many bytes of answers."""
        self.cut()
        self._budget, self._once = size, True

    def refuse(self, refusing: bool) -> None:
        """Break all connections, and every new one, until told otherwise."""
        self._refusing = refusing
        if refusing:
            self.cut()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self.cuts += 1

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        if self._serving:
            await asyncio.wait(self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        budget = self._budget
        if self._once:
            self._budget, self._once = None, False
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        both = {writer, far_writer}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, far_writer, budget=None))
                group.create_task(self._forward(far_reader, writer, budget=budget))
        finally:
            self._writers -= both
            for one in both:
                one.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, budget: int | None) -> None:
        passed = 0
        try:
            while data := await reader.read(16_384):
                passed += len(data)
                if budget is not None and passed > budget:
                    self.cuts += 1
                    break
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()
