from lib.kconfig.compare import differences
from lib.kconfig.scan import scan_text


def state(text: str):
    return scan_text(text, "a", "state")


def test_gone_changed_and_new():
    before = state('CONFIG_A=y\nCONFIG_B=1\nCONFIG_C="x"\nCONFIG_S="a"\n')
    after = state('# CONFIG_A is not set\nCONFIG_B=1\nCONFIG_D=n\nCONFIG_S=""\n')
    assert differences(before, after, {}) == ["-C x", " A y -> n", ' S a -> ""', "+D n"]
    assert differences(before, before, {}) == []


def test_numbers_are_compared_and_not_their_spelling(tree):
    before = state('CONFIG_LEARNING_RATE="6e-4"\nCONFIG_ADDRESS=0x1f\nCONFIG_MATRIX_NAME="1.0"\n')
    after = state('CONFIG_LEARNING_RATE="0.0006"\nCONFIG_ADDRESS=0X1F\nCONFIG_MATRIX_NAME="1"\n')
    assert differences(before, after, tree.symbols) == [" MATRIX_NAME 1.0 -> 1"]
    assert len(differences(before, after, {})) == 3
    broken = state('CONFIG_LEARNING_RATE="much"\n')
    assert differences(broken, before, tree.symbols)[0] == " LEARNING_RATE much -> 6e-4"
