import pytest

from lib.kconfig import ConfigError, Policy, load_tree


@pytest.mark.parametrize(
    "line",
    [
        'rsource "more"',
        'osource "more"',
        'orsource "more"',
        'source "mo*"',
        "config B\n\tdef_int 3",
        'config B\n\tdef_string "x"',
        "config B\n\tdef_hex 0x1",
    ],
)
def test_what_only_kconfiglib_reads_is_refused(tmp_path, line):
    (tmp_path / "Kconfig").write_text(f'config A\n\tbool "a"\n{line}\n')
    (tmp_path / "more").write_text("")
    with pytest.raises(ConfigError, match="is no standard Kconfig"):
        load_tree(tmp_path, Policy())


def test_def_bool_and_plain_sources_are_standard(tmp_path):
    (tmp_path / "Kconfig").write_text('source "more"\nconfig A\n\tdef_bool y\n')
    (tmp_path / "more").write_text("")
    assert list(load_tree(tmp_path, Policy()).symbols) == ["A"]
