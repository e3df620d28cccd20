import numpy as np
import pytest

from benchmarks.planning.day import CROWD_S, EVENING_S, evening, read_curve
from benchmarks.planning.demand import DAY_S
from cluster.errors import CascadeError, InvalidField


@pytest.mark.parametrize("peak", [1.0, 1.5, 2.0, 5.0])
def test_an_evening_has_its_peak_and_the_mean_1(peak):
    curve = evening(peak)
    assert len(curve.load) == DAY_S
    assert curve.load.mean() == pytest.approx(1)
    assert curve.peak == pytest.approx(peak, rel=1e-6)
    assert (curve.load > 0).all()
    if peak > 1:
        assert curve.load.argmax() == EVENING_S


def test_a_crowd_comes_at_the_peak_and_leaves():
    curve = evening(2.0)
    quiet, crowded = curve.feeds(100.0), curve.feeds(100.0, 3.0)
    more = crowded / quiet
    assert set(np.round(more, 9)) == {1.0, 3.0}
    assert (more > 2).sum() == CROWD_S
    assert more[int(EVENING_S)] == pytest.approx(3)
    with pytest.raises(InvalidField, match="--flash-crowd"):
        curve.feeds(100.0, 0.5)


def test_a_curve_from_a_file_goes_through_its_points(tmp_path):
    file = tmp_path / "day.csv"
    file.write_text("hour,load\n6,10\n18,30\n")
    load = read_curve(file).load
    assert load.mean() == pytest.approx(1)
    assert load[18 * 3600] / load[6 * 3600] == pytest.approx(3)
    assert load[12 * 3600] == pytest.approx(load[0])  # straight lines, over midnight too


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there must be hours"),
        ("hour,load\n1,2\n1,3\n", "each later"),
        ("hour,load\n1,0\n", "not all be 0"),
        ("hour,load\n1,2\n24,3\n", "row 3: hour has value '24'"),
        ("hour,load\n1,-2\n", "row 2: load has value '-2'"),
        ("hour,load\n1,nan\n", "row 2: load has value 'nan'"),
        ("hour,load\n1,many\n", "row 2: load has value 'many'"),
        ("time,load\n1,2\n", "row 2: hour has value None"),
        ("hour,load\n1\n", "row 2: load has value None"),
    ],
)
def test_files_that_are_no_curves_are_refused_by_row(tmp_path, text, told):
    file = tmp_path / "day.csv"
    file.write_text(text)
    with pytest.raises(InvalidField, match=told):
        read_curve(file)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CascadeError, match=r"gone\.csv cannot be read"):
        read_curve(tmp_path / "gone.csv")
