"""A contender for tests: the same feed for all, after 900 ms."""

from benchmarks.contenders.contender import begin, until_interrupted
from tests.benchmarks.servers import answers, serving

if __name__ == "__main__":
    with serving(answers(delay=0.9), begin().port):
        until_interrupted()
