import time

import uvloop

from benchmarks.asking import ask
from benchmarks.http_client import BROKEN, TIMEOUT, Call, Pool
from tests.benchmarks.servers import answers, serving


def asked(address, timeout: float = 10.0) -> Call:
    async def run() -> Call:
        async with Pool(address, 1) as pool:
            return await ask(pool, address.get("/"), timeout)

    return uvloop.run(run())


def test_the_answer_is_there_when_it_returns():
    with serving(answers(b"yes", delay=0.05)) as address:
        call = asked(address)
    assert (call.status, call.body) == (200, b"yes")
    assert call.done - call.intended >= 0.05


def test_what_takes_too_long_is_given_up():
    with serving(answers(delay=5.0)) as address:
        begin = time.monotonic()
        assert asked(address, 0.1).status == TIMEOUT
        assert time.monotonic() - begin < 4


def test_a_server_that_is_gone_is_an_end_too():
    with serving(answers()) as address:
        pass
    assert asked(address).status == BROKEN
