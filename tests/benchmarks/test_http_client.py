import asyncio
import time

import aiohttp
import pytest
import uvloop
from aiohttp import web

from benchmarks.http_client import BROKEN, PENDING, TIMEOUT, Address, Call, Pool
from cluster.errors import InvalidField
from tests.benchmarks.servers import answers, serving


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request):
    return request.param


async def ended(calls: list[Call], patience: float = 20.0) -> list[Call]:
    end = time.monotonic() + patience
    while any(call.status == PENDING for call in calls) and time.monotonic() < end:
        await asyncio.sleep(0.002)
    return calls


async def ask(address: Address, payloads: list[bytes], size: int = 8) -> list[Call]:
    """All of `payloads` at once."""
    async with Pool(address, size) as pool:
        calls = [Call(payload, time.monotonic()) for payload in payloads]
        for call in calls:
            pool.submit(call)
        await ended(calls)
    assert pool.connections == 0
    return calls


async def many_shapes(request: web.Request) -> web.StreamResponse:
    """Answers of every shape that a server may use."""
    body = await request.read()
    match request.path.split("/"):
        case [_, "echo"]:
            return web.Response(body=body)
        case [_, "chunked", n]:
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(request)
            for i in range(int(n)):
                await response.write(b"%d," % i)
                await asyncio.sleep(0)
            return response
        case [_, "close"]:
            return web.Response(body=body, headers={"connection": "close"})
        case [_, "large", n]:
            return web.Response(body=b"x" * int(n))
        case [_, "empty"]:
            return web.Response(status=204)
        case _:
            return web.Response(status=503, body=b'{"error":{}}', headers={"retry-after": "1"})


def test_it_gets_what_aiohttp_gets(run):
    paths = ["/echo", "/chunked/50", "/close", "/large/3000000", "/empty", "/other", "/large/0", "/echo"] * 3
    bodies = [b'{"n": %d}' % i for i in range(len(paths))]

    async def both(address: Address) -> None:
        async with aiohttp.ClientSession() as session:
            expected = []
            for path, body in zip(paths, bodies, strict=True):
                async with session.post(f"http://127.0.0.1:{address.port}{path}", data=body) as response:
                    expected.append((response.status, await response.read()))
        calls = await ask(address, [address.post(path, body) for path, body in zip(paths, bodies, strict=True)], 4)
        assert [(call.status, call.body) for call in calls] == expected

    with serving(many_shapes) as address:
        run(both(address))


def test_get_and_prefix(run):
    async def path(request: web.Request) -> web.Response:
        return web.Response(text=f"{request.method} {request.path} {request.headers['host']}")

    with serving(path) as address:
        under = Address(address.host, address.port, "/noop")
        [call] = run(ask(under, [under.get("/x")]))
        assert call.body == f"GET /noop/x 127.0.0.1:{address.port}".encode()


def test_connections_are_kept_and_bounded(run):
    ports = set()

    async def remember(request: web.Request) -> web.Response:
        ports.add(request.transport.get_extra_info("peername")[1])
        await asyncio.sleep(0.005)
        return web.Response()

    with serving(remember) as address:
        calls = run(ask(address, [address.get("/")] * 30, size=3))
    assert {call.status for call in calls} == {200}
    assert len(ports) == 3
    assert [call.queued for call in calls] == [False] * 3 + [True] * 27
    assert [call.done for call in calls] == sorted(call.done for call in calls)


def test_a_closed_connection_breaks_only_its_call(run):
    seen = 0

    async def drop_every_third(request: web.Request) -> web.Response:
        nonlocal seen
        seen += 1
        if seen % 3 == 0:
            request.transport.close()
        return web.Response()

    with serving(drop_every_third) as address:
        calls = run(ask(address, [address.get("/")] * 12, size=1))
    assert [call.status for call in calls] == [200, 200, BROKEN] * 4


def test_an_idle_connection_that_the_server_closed_is_replaced(run):
    async def close_afterwards(request: web.Request) -> web.Response:
        asyncio.get_running_loop().call_later(0.02, request.transport.close)
        return web.Response()

    async def twice(address: Address) -> list[int]:
        statuses = []
        async with Pool(address, 1) as pool:
            for _ in range(2):
                call = Call(address.get("/"), time.monotonic())
                pool.submit(call)
                await ended([call])
                statuses.append(call.status)
                await asyncio.sleep(0.2)
        return statuses

    with serving(close_afterwards) as address:
        assert run(twice(address)) == [200, 200]


def test_nobody_listens(run):
    with serving(answers()) as address:
        pass
    calls = run(ask(address, [address.get("/")] * 3, size=1))
    assert [call.status for call in calls] == [BROKEN] * 3


def test_an_answer_that_is_not_http_breaks_the_call(run):
    async def scenario() -> list[Call]:
        async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"NOT HTTP AT ALL\r\n\r\n")
            await writer.drain()
            await reader.read()
            writer.close()

        server = await asyncio.start_server(garbage, "127.0.0.1", 0)
        address = Address("127.0.0.1", server.sockets[0].getsockname()[1])
        calls = await ask(address, [address.get("/")])
        server.close()
        return calls

    assert run(scenario())[0].status == BROKEN


def test_an_expired_call_frees_its_place_and_takes_no_late_answer(run):
    async def scenario(address: Address) -> list[Call]:
        slow, waiting, given_up = calls = [Call(address.get("/"), time.monotonic()) for _ in range(3)]
        async with Pool(address, 1) as pool:
            for call in calls:
                pool.submit(call)
            await asyncio.sleep(0.05)
            pool.expire(given_up)
            pool.expire(slow)
            await ended([waiting])
        return calls

    with serving(answers(b"late", delay=0.3)) as address:
        slow, waiting, given_up = run(scenario(address))
    assert (slow.status, slow.body) == (TIMEOUT, b"")
    assert (waiting.status, waiting.body) == (200, b"late")
    assert given_up.status == TIMEOUT
    assert waiting.done - waiting.intended >= 0.3


def test_the_end_of_a_pool_breaks_what_is_in_flight(run):
    async def scenario(address: Address) -> list[Call]:
        calls = [Call(address.get("/"), time.monotonic()) for _ in range(3)]
        async with Pool(address, 2) as pool:
            for call in calls:
                pool.submit(call)
            await asyncio.sleep(0.1)
        assert pool.connections == 0
        return calls

    with serving(answers(delay=0.5)) as address:
        assert {call.status for call in run(scenario(address))} == {BROKEN}


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("http://127.0.0.1:8000", Address("127.0.0.1", 8000)),
        ("http://127.0.0.1:8000/", Address("127.0.0.1", 8000)),
        ("http://feed.example/a/b/", Address("feed.example", 80, "/a/b")),
    ],
)
def test_addresses(url, address):
    assert Address.parse(url) == address


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "https://h", "http://", "http://h:port", "http://[::1"])
def test_bad_addresses_are_named(url):
    with pytest.raises(InvalidField, match="address has value"):
        Address.parse(url)
