"""The channel over real sockets."""

import asyncio
import time
from contextlib import asynccontextmanager

import pytest

from cluster.errors import Unreachable
from deployments.channel import frames, group
from deployments.channel.frames import Kind
from deployments.channel.group import FIRST, Group
from deployments.channel.peer import Elsewhere, Late, Peer
from deployments.channel.server import ChannelServer, NotAnswered

TOKEN = b"secret"


async def echo(question: bytes) -> bytes:
    return question[::-1]


@asynccontextmanager
async def serving(answer=echo, token=TOKEN):
    server = ChannelServer(answer, token)
    address = await server.start("127.0.0.1")
    try:
        yield server, address
    finally:
        await server.close()


@asynccontextmanager
async def group_of(*addresses, fallback=None, connected=None):
    replicas = Group("shard 0", TOKEN, fallback)
    await replicas.update(addresses)
    try:
        async with asyncio.timeout(5):
            while len(replicas.connected) < (len(addresses) if connected is None else connected):
                await asyncio.sleep(0.001)
        yield replicas
    finally:
        await replicas.close()


def test_answers_find_their_questions_whatever_their_order_and_length():
    async def slow_first(question):
        await asyncio.sleep(0.05 if question == b"first" else 0)
        return await echo(question)

    async def scenario():
        async with serving(slow_first) as (_, address), group_of(address) as replicas:
            questions = [b"first", b"", b"x" * 1_000_000, *(b"%d" % i for i in range(200))]
            answers = await asyncio.gather(*(replicas.ask(question, 5.0) for question in questions))
            assert answers == [question[::-1] for question in questions]

    asyncio.run(scenario())


def test_nothing_is_answered_without_the_token():
    asked = []

    async def answer(question):
        asked.append(question)
        return b""

    async def scenario():
        async with serving(answer, token=b"another") as (_, address):
            peer = Peer(address, TOKEN)
            peer.start()
            await asyncio.sleep(0.3)
            assert not peer.connected
            with pytest.raises(Unreachable, match="no connection"):
                peer.ask(b"?")
            await peer.close()
            # One that asks without any proof is cut off.
            reader, writer = await asyncio.open_connection(*address.split(":"))
            writer.write(frames._HEADER.pack(1, 7, Kind.QUESTION) + b"?")
            await reader.read(1000)  # the nonce
            assert await reader.read(1000) == b""
            writer.close()

    asyncio.run(scenario())
    assert asked == []


def test_a_frame_that_is_too_long_ends_the_connection():
    async def scenario():
        async with serving() as (_, address):
            reader, writer = await asyncio.open_connection(*address.split(":"))
            await reader.read(1000)
            writer.write(frames._HEADER.pack(frames.LONGEST + 1, 0, Kind.PROOF))
            assert await reader.read(1000) == b""
            writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(("kind", "error"), [(Kind.ELSEWHERE, Elsewhere), (Kind.LATE, Late), (None, Unreachable)])
def test_why_there_is_no_answer_is_told(kind, error, caplog):
    async def refuse(question):
        raise ValueError("broken") if kind is None else NotAnswered(kind)

    async def scenario():
        async with serving(refuse) as (_, address), group_of(address) as replicas:
            with pytest.raises(error):
                await replicas.ask(b"?", 5.0)

    asyncio.run(scenario())
    assert ("broken" in caplog.text) == (kind is None)


def test_who_is_lost_is_replaced_at_once_and_found_again():
    """Questions that were on their way to it are asked of another replica."""

    async def never(question):
        await asyncio.Event().wait()

    async def scenario():
        async with serving() as (_, good), serving(never) as (stuck, bad), group_of(good, bad) as replicas:
            asking = [asyncio.create_task(replicas.ask(b"%d" % i, 5.0)) for i in range(8)]
            await asyncio.sleep(0.05)
            await stuck.close()
            assert await asyncio.gather(*asking) == [b"%d" % i for i in range(8)]
            assert replicas.failed_over == 4
            assert len(replicas.connected) == 1

    asyncio.run(scenario())


def test_it_connects_again_when_the_replica_is_back():
    async def scenario():
        server = ChannelServer(echo, TOKEN)
        address = await server.start("127.0.0.1")
        async with group_of(address) as replicas:
            [before] = server._connections
            before.abort()
            async with asyncio.timeout(5):
                while not (replicas.connected and server._connections - {before}):
                    await asyncio.sleep(0.001)
            assert await replicas.ask(b"ab", 5.0) == b"ba"
        await server.close()

    asyncio.run(scenario())


def test_a_late_replica_is_not_waited_for_where_there_is_another():
    slow = asyncio.Event()

    async def stalls(question):
        if slow.is_set():
            await asyncio.sleep(10)
        return await echo(question)

    async def scenario():
        async with serving(stalls) as (_, one), serving() as (_, other), group_of(one, other) as replicas:
            for _ in range(FIRST):
                await replicas.ask(b"ab", 5.0)
            assert replicas.hedged == 0
            slow.set()
            answers = await asyncio.gather(*(replicas.ask(b"%d" % i, 5.0) for i in range(4)))
            assert sorted(answers) == [b"0", b"1", b"2", b"3"]
            assert replicas.hedged >= 2

    asyncio.run(scenario())


def test_no_answer_in_time_is_late_and_nobody_there_is_unreachable():
    async def never(question):
        await asyncio.sleep(10)

    async def by_handle(question):
        return b"by handle"

    async def scenario():
        async with serving(never) as (server, address), group_of(address) as replicas:
            assert server.load() == 0
            with pytest.raises(Late, match="shard 0 did not answer within 100 ms"):
                await replicas.ask(b"?", 0.1)
            assert 0.3 < server.load() <= 1.01
        async with group_of() as nobody:
            with pytest.raises(Unreachable, match="nobody of shard 0"):
                await nobody.ask(b"?", 1.0)
            with pytest.raises(Unreachable, match="nobody of shard 0"):
                await nobody.ask_all(b"?", 1.0)
        async with serving(token=b"another") as (_, shut), group_of(shut, fallback=by_handle, connected=0) as otherwise:
            assert await otherwise.ask(b"?", 1.0) == b"by handle"
        async with serving() as (server, address), group_of(address, fallback=by_handle) as lost:
            await server.close()
            with pytest.raises(Unreachable):
                await asyncio.gather(*(lost.ask(b"?", 1.0) for _ in range(2)))

    asyncio.run(scenario())


def test_those_who_do_not_answer_are_asked_now_and_then_only(monkeypatch):
    monkeypatch.setattr(group, "RETRY_S", 60.0)
    stuck, asked = asyncio.Event(), []

    async def stalls(question):
        asked.append(question)
        if not stuck.is_set():
            await asyncio.sleep(10)
        return question

    async def scenario():
        async with serving(stalls) as (_, address), group_of(address) as one:
            for _ in range(group.LATE):
                with pytest.raises(Late):
                    await one.ask(b"?", 0.01)
            stuck.set()
            one._retry_at = time.monotonic() + 60
            with pytest.raises(Unreachable, match="has not answered in time"):
                await one.ask(b"?", 5.0)
            assert len(asked) == group.LATE
            one._retry_at = 0.0
            assert await one.ask(b"?", 5.0) == b"?"
            assert await one.ask(b"!", 5.0) == b"!"

    asyncio.run(scenario())


def test_all_are_asked():
    async def scenario():
        async with serving() as (_, one), serving() as (_, other), group_of(one, other) as replicas:
            assert await replicas.ask_all(b"ab", 1.0) == [b"ba", b"ba"]

    asyncio.run(scenario())
