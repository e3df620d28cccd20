import pytest
from ray._private.label_utils import validate_label_selector

from cluster.placement import ROLE_LABEL, Role, label_selector


@pytest.mark.parametrize("role", Role)
def test_a_role_keeps_off_the_nodes_of_the_others(role: Role) -> None:
    selector = label_selector(role)
    assert validate_label_selector(selector) is None
    excluded = selector[ROLE_LABEL].removeprefix("!in(").removesuffix(")").split(",")
    assert {*excluded, role} == set(Role)
    assert role not in excluded
