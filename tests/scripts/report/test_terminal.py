from scripts.report.terminal import aligned, display_width, folded, lines_of

TABLE = aligned([["run", "alpha", "b", "gamma"], ["1 gpt2", "1.5", "2", "\u4f60"]])


def test_a_table_that_fits_is_not_folded():
    assert folded(TABLE, None) == folded(TABLE, 80) == lines_of(TABLE)


def test_a_table_that_is_too_wide_goes_on_below_with_its_first_column():
    assert folded(TABLE, 17) == [
        "run     alpha  b",
        "1 gpt2    1.5  2",
        "",
        "run     gamma",
        "1 gpt2     \u4f60",
    ]


def test_a_part_has_a_column_even_where_it_does_not_fit():
    parts = folded(TABLE, 3)
    assert [line.split()[-1] for line in parts if line] == [
        "alpha",
        "1.5",
        "b",
        "2",
        "gamma",
        "\u4f60",
    ]
    assert max(map(display_width, parts)) > 3
