import copy
import pickle

import pytest

from lib.kconfig import Config

VALUES = {"A": 1, "B": None, "C": ("x", "y"), "D": ("z",), "E": "text", "F": False}


@pytest.fixture
def config() -> Config:
    return Config(VALUES, ("A", "B", "C", "E", "F"))


def test_values_by_name_and_by_key(config):
    assert config.A == config["A"] == 1
    assert config.B is None
    assert dict(config) == VALUES
    assert len(config) == len(VALUES)


def test_an_unknown_name_is_an_error_never_a_default(config):
    with pytest.raises(AttributeError, match="NOSUCH"):
        _ = config.NOSUCH
    with pytest.raises(KeyError):
        config["NOSUCH"]


def test_nothing_can_be_changed(config):
    with pytest.raises(AttributeError, match="cannot be changed"):
        config.A = 2
    with pytest.raises(AttributeError, match="cannot be changed"):
        config.NEW = 2
    with pytest.raises(AttributeError, match="cannot be changed"):
        del config.A
    with pytest.raises(TypeError):
        config["A"] = 2


def test_the_caller_s_dict_is_copied():
    values = {"A": 1}
    config = Config(values, ("A",))
    values["A"] = 2
    assert config.A == 1


def test_one_member_of_an_axis(config):
    assert config.one("D") == "z"
    with pytest.raises(AssertionError, match="2 members"):
        config.one("C")
    with pytest.raises(AssertionError, match="no visible axis"):
        config.one("B")


def test_relevant_leaves_out_what_is_none_or_not_named(config):
    assert config.relevant() == {"A": 1, "C": ["x", "y"], "E": "text", "F": False}


def test_the_hash_is_pinned(config):
    """sha256 of '{"A":1,"C":["x","y"],"E":"text","F":false}', computed with sha256sum."""
    expected = "395ca4774aa61292"
    assert len(config.hash) == 64
    assert config.hash.startswith(expected)


def test_the_order_of_names_does_not_matter(config):
    values = dict(reversed(VALUES.items()))
    assert Config(values, ("F", "E", "C", "B", "A")).hash == config.hash


def test_copies_and_pickles_are_equal(config):
    for other in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        assert other == config
        assert other.hash == config.hash
        assert hash(other) == hash(config)
    assert config != VALUES
