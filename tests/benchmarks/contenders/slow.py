"""A contender for tests: the same feed for all, after 350 ms."""

from benchmarks.contenders.contender import until_interrupted
from benchmarks.contenders.ground import Ground
from tests.benchmarks.servers import answers, serving

if __name__ == "__main__":
    with serving(answers(delay=0.35), Ground.given().port):
        until_interrupted()
