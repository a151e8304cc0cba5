from lib.kconfig.compare import differences
from lib.kconfig.scan import scan_text


def test_gone_changed_and_new():
    before = scan_text('CONFIG_A=y\nCONFIG_B=1\nCONFIG_C="x"\nCONFIG_S="a"\n', "a", "state")
    after = scan_text('# CONFIG_A is not set\nCONFIG_B=1\nCONFIG_D=n\nCONFIG_S=""\n', "b", "state")
    assert differences(before, after) == ["-C x", " A y -> n", ' S a -> ""', "+D n"]
    assert differences(before, before) == []
