import pytest

from scripts.report.compare.text import render
from scripts.report.terminal import display_width

GOLDEN = """\
2 runs side by side

1 gpt2
  12L-12H-768D-Learned-LayerNorm-GELU-Pre
  {first}
2 llama
  12L-12H-768D-RoPE-RMSNorm-SwiGLU-Pre
  {second}

run      parameters     loss  perplexity  MFU  of matmul  MFLOP/token  attn/FFN
1 gpt2      120,000  1.6500       5.207     -     20.0 %        0.720     0.750
2 llama     120,000  1.6000*      4.953*    -     20.0 %        0.720     0.750

run      tokens/s  peak RSS MiB  step ms
1 gpt2     18,606         38.15    110.1
2 llama    18,606         38.15    110.1

* the best of these 2 runs, at equal tokens. A row is one run: no interval, no
claim; the report of a matrix with several seeds has both.

Options that can change a result, where they differ:
option        1 gpt2  2 llama
ARCHITECTURE    gpt2    llama
"""


def test_golden_text(compared, model):
    specs = [model("gpt2", 1.65), model("llama", 1.60)]
    text = render(compared(specs), 80)
    assert text == GOLDEN.format(first=specs[0].dir, second=specs[1].dir)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 132, 250])
def test_nothing_is_wider_than_the_terminal_and_nothing_is_lost(compared, model, width):
    pruned = {"pruning.method": "magnitude"}
    specs = [model("gpt2"), model("llama", summary=pruned), model("V1", steps=600)]
    text = render(compared(specs), width)
    assert max(map(display_width, text.splitlines())) <= width
    for word in ("parameters", "attn/FFN", "step ms", "2 llama", "ARCHITECTURE", "masked-dense:"):
        assert word in text.replace("\n", " ")
    assert text.isascii()


def test_a_run_that_failed_says_so_in_its_row(compared, model):
    text = render(compared([model("gpt2"), model("llama", status="diverged", reason="nan")]), 200)
    row = next(line for line in text.splitlines() if line.startswith("2 llama (diverged)"))
    assert row.split()[3:7] == ["120,000", "-", "-", "-"]
    assert "2 llama diverged: nan. It has no numbers to compare." in text


def test_pruned_runs_are_labelled_where_sparsity_saves_nothing(compared, model):
    pruned = model("V1", 1.5, summary={"pruning.method": "magnitude"})
    lines = render(compared([model("gpt2"), pruned]), 200).splitlines()
    row = next(line for line in lines if line.startswith("2 V1  "))
    assert "1.5000*" in row
    assert row.count("#") == 4
    assert any(line.startswith("# masked-dense") for line in lines)


def test_one_run_says_so(compared, model):
    text = render(compared([model("gpt2")]), 80)
    assert text.startswith("one run\n")
    assert "One run: nothing to compare it with." in text
    assert "*" not in text


def test_names_with_escape_codes_do_not_reach_the_terminal(compared, model):
    evil = {"architecture": "a\x1b[2Jb", "architecture_name": "c\x1b[31m", "speed": {"dtype": "\r"}}
    text = render(compared([model("gpt2"), model("llama", summary=evil)]), 80)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "2 a?[2Jb" in text
