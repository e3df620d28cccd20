from benchmarks.planning.pool import Machines, Pool

MACHINES = Machines(per_node=4, replica_start_s=10.0, node_start_s=100.0, node_idle_s=50.0)


def test_replicas_answer_after_they_started_and_their_node_before_them():
    pool = Pool(MACHINES, replicas=3)
    pool.scale(6, now=0)
    assert (pool.target, pool.nodes) == (6, 2)
    assert [pool.running(now) for now in (0, 9, 10, 109, 110)] == [3, 3, 4, 4, 6]
    assert pool.newest(10) == 10
    assert pool.newest(110) == 110


def test_replicas_on_a_node_that_is_still_starting_wait_for_it():
    pool = Pool(MACHINES, replicas=4)
    pool.scale(5, now=0)
    pool.scale(6, now=60)
    assert [pool.running(now) for now in (109, 110)] == [4, 6]


def test_the_last_replicas_stop_first_and_at_once():
    pool = Pool(MACHINES, replicas=4)
    pool.scale(6, now=0)
    pool.scale(4, now=5)
    assert (pool.target, pool.running(5), pool.running(200)) == (4, 4, 4)


def test_a_node_goes_after_it_was_idle_for_long_enough():
    pool = Pool(MACHINES, replicas=8)
    for now in range(100):
        pool.scale(3 if now >= 20 else 8, now)
        assert pool.nodes == (1 if now >= 70 else 2)


def test_a_node_that_is_used_again_stays():
    pool = Pool(MACHINES, replicas=8)
    for now in range(200):
        pool.scale(3 if now % 40 else 8, now)
        assert pool.nodes == 2
