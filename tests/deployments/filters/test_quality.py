from deployments.filters.quality import Quality
from kernels.actions import COUNT
from kernels.columns import DAY_MS
from kernels.decay import MONTH
from tests.deployments.catalogue.releases import catalogue
from tests.deployments.queries import candidates, query
from tests.kernels.columns import NOW


def test_what_many_were_shown_and_few_liked_is_left_out():
    live = catalogue(4)
    columns = live.posts.columns
    columns.prior[:] = 0
    columns.prior[COUNT["like"]] = 0.1
    columns.counts[:], columns.counted_ms[:] = 0, NOW
    # Nobody has seen row 0; the average post would have got 100 likes of 1,000 impressions.
    columns.counts[1:, MONTH, COUNT["impression"]] = 1000
    columns.counts[1:, MONTH, COUNT["like"]] = [9, 40, 0]
    columns.counts[3, MONTH, COUNT["share"]] = 60
    keep = Quality(live, 0.2).keep
    assert keep(query(live.posts), candidates(0, 1, 2, 3)).tolist() == [True, False, True, True]
    later = query(live.posts)
    later.now_ms = NOW + 200 * DAY_MS
    assert keep(later, candidates(1)).tolist() == [True], "what is long ago says little"
