import pytest

from lib.kconfig.groups import Group, choice_group_name


@pytest.mark.parametrize(
    ("members", "name"),
    [
        (["DEVICE_AUTO", "DEVICE_CPU"], "DEVICE"),
        (["MODEL_GPT2", "MODEL_GPT2_MEDIUM"], "MODEL"),
        (["DTYPE_FLOAT16", "DTYPE_FLOAT32"], "DTYPE"),
        (["PRUNING_SCOPE_BLOCKS", "PRUNING_SCOPE_BLOCKS_HEAD"], "PRUNING_SCOPE"),
        (["A_ONLY"], "A"),
        (["FOO", "BAR"], None),
        (["FOO"], None),
    ],
)
def test_a_choice_is_named_by_the_common_prefix(members, name):
    assert choice_group_name(members) == name


def test_values_and_members():
    members = ("MODEL_GPT2", "MODEL_GPT2_MEDIUM")
    group = Group("MODEL", "choice", members, True, None, "Kconfig", 3, "Model")
    assert group.values == ("gpt2", "gpt2-medium")
    for spelling in ("gpt2-medium", "GPT2_MEDIUM", "gpt2_Medium"):
        assert group.member_of(spelling) == "MODEL_GPT2_MEDIUM"
    assert group.member_of("gpt3") is None
    assert group.member_of("") is None
    assert group.place == "Kconfig:3"
