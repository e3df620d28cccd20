"""The benchmark of indexes, on a catalogue that is searched in microseconds."""

import json

import numpy as np
import pytest

from benchmarks.documents.retrieval import retrieval_document
from benchmarks.footprint_posts import synthetic_vectors
from benchmarks.machine import describe
from benchmarks.retrieval import measure, retrieval
from benchmarks.retrieval_kinds import KINDS
from benchmarks.retrieval_report import Report, table
from cluster.errors import InvalidField
from training.models.post_tower import unit
from training.release.index import exact_neighbours

POSTS, DIM, K = 5000, 64, 20


@pytest.fixture(scope="module")
def vectors():
    return unit(synthetic_vectors(POSTS, DIM))


@pytest.fixture(scope="module")
def queries():
    return unit(synthetic_vectors(30, DIM, seed=1))


@pytest.mark.parametrize("name", KINDS)
def test_more_effort_finds_more_and_nearly_all_at_last(name, vectors, queries):
    built = measure(name, vectors, queries, exact_neighbours(vectors, queries, K), 0.0)
    recalls = [each.recall for each in built.searched]
    assert np.diff(recalls).min(initial=0) > -0.01  # quantised numbers may hide a neighbour behind others
    assert recalls[-1] >= recalls[0]
    # Of numbers of a few bits much is lost, however many lists are searched.
    assert recalls[-1] > (0.5 if name == "IVF,PQ fast scan" else 0.95)
    assert built.posts == POSTS
    assert all(each.searches_per_s > 0 and each.p50_us <= each.p99_us for each in built.searched)


def test_numbers_of_fewer_bytes_take_less_room(vectors, queries):
    wanted = exact_neighbours(vectors, queries, K)
    size = {name: measure(name, vectors, queries, wanted, 0.0).bytes_a_post for name in list(KINDS)[:5]}
    assert size["Flat"] == pytest.approx(4 * DIM, rel=0.01)
    assert size["IVF,Flat"] > size["IVF,SQfp16"] > size["IVF,SQ8"] > size["IVF,PQ fast scan"]


def test_the_command_ends_with_one_document(capsys):
    retrieval(posts="2000,3000", kinds=["Flat", "IVF,SQ8"], k=10, seconds=0.0)
    shown, document = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert "IVF,SQ8" in shown
    told = json.loads(document)
    assert [(built["posts"], built["kind"]) for built in told["indexes"]] == [
        (posts, kind) for posts in (2000, 3000) for kind in ("Flat", "IVF,SQ8")
    ]


def test_the_report_names_the_quickest_that_finds_enough(vectors, queries):
    wanted = exact_neighbours(vectors, queries, K)
    indexes = [measure(name, vectors, queries, wanted, 0.0) for name in ("Flat", "IVF,Flat")]
    report = Report("retrieval", describe(), DIM, K, len(queries), indexes)
    document = retrieval_document(report)
    quickest = max((each for built in indexes if (each := built.quickest(0.95))), key=lambda each: each.searches_per_s)
    assert [figure.value for figure in document.figures] == [f"{quickest.p50_us:.0f} us"]
    assert len(document.tables[0].rows) == sum(len(built.searched) for built in indexes) == table(report).row_count


@pytest.mark.parametrize(
    ("how", "field"),
    [({"posts": "a lot"}, "posts"), ({"kinds": ["LSH"]}, "kinds"), ({"k": 0}, "k"), ({"k": 10**9}, "k")],
)
def test_what_makes_no_sense_is_refused(how, field):
    with pytest.raises(InvalidField) as refused:
        retrieval(**how)
    assert refused.value.field == field


def test_fewer_posts_than_asked_for_are_minus_one():
    few = unit(synthetic_vectors(3, DIM))
    for name in ("Flat", "HNSW", "usearch HNSW"):
        kind = KINDS[name]()
        kind.build(few)
        found = kind.search(few[:1], 5, 300)
        assert sorted(found[0].tolist()) == [-1, -1, 0, 1, 2], name
        assert found.dtype == np.int64
