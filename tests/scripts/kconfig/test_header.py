"""What a header says is what the options make; any number that is changed is found."""

import re

import pytest

from gpt2.datasets import CORPORA
from gpt2.datasets.corpus import Forecast, Request
from lib.cli import ROOT
from lib.kconfig import override_layer
from lib.kconfig.catalogue import Catalogue
from lib.kconfig.scan import leading_comments, read_layer
from scripts.kconfig import check_defconfigs
from scripts.kconfig.header import complaints, facts

DEFCONFIGS = {
    name: path for name, path in Catalogue(ROOT).defconfigs().items() if path.is_relative_to(ROOT)
}


@pytest.fixture(scope="module")
def known(tree):
    return {
        name: facts(tree.resolve([read_layer(path, name)])) for name, path in DEFCONFIGS.items()
    }


def header_of(name):
    return leading_comments(DEFCONFIGS[name].read_text("utf-8"))


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_it_says_what_it_makes(known, name):
    assert complaints(header_of(name), known[name]) == []


@pytest.mark.parametrize("name", DEFCONFIGS)
def test_any_number_of_the_plan_that_is_changed_is_found(known, name):
    header = header_of(name)
    at = header.index(known[name].line)
    for match in re.finditer(r"[1-9]", header[at]):
        digit = "123456789"[int(match[0]) % 9]
        line = header[at][: match.start()] + digit + header[at][match.end() :]
        found = complaints([*header[:at], line, *header[at + 1 :]], known[name])
        assert found == [
            (at + 1, "does not say what the options make", f"write: {known[name].line}")
        ]


CLAIMS = [
    ("7.3 epochs", "3.7 epochs"),
    ("7.3 epochs", "8 epochs"),
    ("10,000 steps", "12,000 steps"),
    ("65,536 tokens", "131,072 tokens"),
    ("90M tokens", "10B tokens"),
    ("90M tokens", "9 billion tokens"),
    ("download of 2.15 GB", "download of 28.5 GB"),
    ("download of 2.15 GB", "download of 2.15 MB"),
    ("Needs", "Needs no download"),
    ("Runs (5): adamw gpt2", "Runs (4): adamw gpt2"),
    ("adamw rope", "adamw alibi"),
]


@pytest.mark.parametrize(("said", "instead"), CLAIMS)
def test_words_that_contradict_the_plan_are_found(known, said, instead):
    known = known["gpt2-component-ablation"]
    header = [*header_of("gpt2-component-ablation"), "# Needs time."]
    text = "\n".join(header)
    assert said in text
    assert complaints(header, known) == []
    assert len(complaints(text.replace(said, instead, 1).split("\n"), known)) == 1


def test_what_a_header_promises_is_what_is_prepared(tree, known):
    """Without DATASET_TOKENS the same words prepare a hundred times as much."""
    name = "gpt2-component-ablation"
    layer = read_layer(DEFCONFIGS[name], name)
    less = [one for one in layer.assignments if one.name != "DATASET_TOKENS"]
    whole = facts(tree.resolve([type(layer)(**(vars(layer) | {"assignments": tuple(less)}))]))
    assert (known[name].train_tokens, whole.train_tokens) == ({90_000_000}, {9_989_514_240})
    assert [what for _, what, _ in complaints(header_of(name), whole)] == [
        "does not say what the options make",
        'its header says "90M tokens"',
        'its header says "7.3 epochs"',
        'its header says "download of 2.15 GB"',
    ]


def test_runs_on_other_data_are_counted_each_on_its_own(tree):
    wishes = [("SWEEP", "DATASET_TOKENS=10M,20M"), ("DATASET", "finewebedu")]
    layer = read_layer(DEFCONFIGS["gpt2-shakespeare-char-cpu"], "x")
    assert facts(tree.resolve([layer, override_layer(wishes)])).line == (
        "# Plan: 2 runs; tokens each: 1,536,000; epochs: 0.0853 to 0.171; download: 4.31 GB"
    )


def test_a_header_without_the_line_is_told_it(known):
    (complaint,) = complaints(
        [line for line in header_of("smoke") if "Plan:" not in line], known["smoke"]
    )
    assert complaint[1] == "does not say what it will cost"
    assert known["smoke"].line in complaint[2]


def test_the_tool_looks_at_headers(monkeypatch, tree):
    monkeypatch.chdir(ROOT)
    text = DEFCONFIGS["smoke"].read_text("utf-8")
    configuration = tree.resolve([read_layer(DEFCONFIGS["smoke"], "smoke")])
    assert check_defconfigs._of_a_defconfig(text, "smoke", configuration) == []
    wrong = text.replace("# Plan: 4 runs", "# Plan: 5 runs")
    (problem,) = check_defconfigs._of_a_defconfig(wrong, "smoke", configuration)
    assert str(problem).startswith("smoke:3: does not say what the options make")


MERGES = 456_318


@pytest.mark.parametrize(
    ("dataset", "tokens", "expected"),
    [
        ("finewebedu", "100M", Forecast(90_000_000, 2_152_819_114 + MERGES)),
        ("finewebedu", "1500M", Forecast(1_489_514_240, 6_456_837_861 + MERGES)),
        ("finewebedu", "0", Forecast(9_989_514_240, 28_518_193_415 + MERGES)),
        ("openwebtext", "100M", Forecast(90_000_000, 303_750_000 + MERGES)),
        ("tinystories", "10M", Forecast(10_000_000, 250_193_860 + MERGES)),
        ("wikitext", "0", Forecast(118_000_000, 314_733_787 + MERGES)),
        ("shakespeare-char", None, Forecast(1_003_854, 1_115_394)),
        ("custom", None, Forecast(None, 0)),
        ("custom", "1M", Forecast(900_000, 0)),
    ],
)
def test_what_is_known_before_anything_is_fetched(tmp_path, dataset, tokens, expected):
    request = Request(dataset, tmp_path, "", tokens=tokens, custom_tokenizer="bytes")
    assert CORPORA[dataset].forecast(request) == expected


def test_shakespeare_is_as_long_as_is_said(tmp_path, real_mirror):
    from gpt2.datasets import forecast_of, prepare

    for dataset in ("shakespeare", "shakespeare-char"):
        manifest = prepare(dataset, tmp_path, real_mirror, None, None, lambda line: None)
        assert manifest.train.tokens == forecast_of(dataset, tmp_path, None, None).train_tokens
