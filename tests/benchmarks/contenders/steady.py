"""A contender for tests: the same feed for all, after 1 ms."""

from benchmarks.contenders.contender import begin, until_interrupted
from tests.benchmarks.servers import answers, serving

if __name__ == "__main__":
    with serving(answers(delay=0.001), begin().port):
        until_interrupted()
