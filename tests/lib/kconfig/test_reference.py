from lib.kconfig.reference import reference


def test_every_option_and_group_stands_in_it_once(tree):
    page = reference(tree)
    headings = [line.lstrip("# ") for line in page.splitlines() if line.startswith("#")]
    for name, symbol in tree.symbols.items():
        if symbol.group is None:
            assert headings.count(name) == (1 if symbol.prompt else 0), name
        else:
            assert page.count(f"| {name} |") == 1
    for name in tree.groups:
        assert headings.count(name) == 1, name


def test_what_it_says(tree, derive):
    page = reference(tree)
    assert "### WARMUP_STEPS\n\nWarm-up.\n\n- type: int\n- range: 0 to MAX_ITERS\n" in page
    assert "- default: `24 if MODEL_GPT2_MEDIUM`\n- default: `12`\n" in page
    assert "- can be set if: `MODEL_CUSTOM`\n" in page
    assert "| `gpt2-medium` | MODEL_GPT2_MEDIUM | gpt2-medium. |" in page
    assert "Depends on `OPTIMIZER_ADAMWPRUNE`." in page
    assert "- default: `auto`\n" in page
    assert "Type:" not in page
    derive(DEVICE="cuda")
    assert reference(tree) == page


def test_no_line_of_a_table_is_broken_by_a_bar(tree):
    rows = [line for line in reference(tree).splitlines() if line.startswith("| `")]
    assert all(line.replace("\\|", "").count("|") == 4 for line in rows)
