import base64
import json
import re
from html.parser import HTMLParser

import pytest

from scripts.report import figures
from scripts.report.compare.page import write

HOSTILE = "<script>alert(1)</script> | `x` \u4f60 &amp; \x1b[31m\"'"
VOID = {"meta", "img", "source", "br", "hr", "link", "input", "wbr"}


class Page(HTMLParser):
    """Checks the nesting of tags and collects what tests ask about."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, text = [], [], []
        self.handle_data = lambda data: text.append(
            "" if self.open and self.open[-1] in ("style", "script") else data
        )
        self.feed(source)
        self.close()
        assert self.open == []
        self.words = " ".join(" ".join(text).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def cells(self):
        """The table: a dict of column -> attributes for each row."""
        rows = []
        for tag, attributes in self.tags:
            if tag == "th" and attributes.get("scope") == "row" and "data-value" in attributes:
                rows.append({})
            if tag == "td" and "data-column" in attributes:
                rows[-1][attributes["data-column"]] = attributes
        return rows


@pytest.fixture
def real_figures():
    """Ask for it to have the figure drawn: most tests are not about it."""


@pytest.fixture
def page_of(compared, results, monkeypatch, request):
    if "real_figures" not in request.fixturenames:
        monkeypatch.setattr(figures, "draw", lambda *_, **__: b"<svg/>")

    def make(specs):
        return Page(write(compared(specs), results.root).read_text(encoding="utf-8"))

    return make


def test_every_number_traces_to_the_files(page_of, model, results):
    specs = [model("gpt2"), model("llama", 1.6)]
    page = page_of(specs)
    for row, item in zip(page.cells(), specs, strict=True):
        document = json.loads((results.root / item.dir / "summary.json").read_text())
        assert float(row["loss"]["data-value"]) == document["val_loss"]
        assert float(row["parameters"]["data-value"]) == document["params"]["total"]
        assert float(row["peak_rss"]["data-value"]) == document["memory"]["peak_rss_bytes"]
        assert (row["mfu"]["data-value"], row["mfu"]["class"]) == ("", "missing")
    assert "12L-12H-768D-RoPE-RMSNorm-SwiGLU-Pre" in page.words
    assert "gpt2 and llama side by side" in page.words
    assert "Peak memory of the process" in page.words


def test_the_best_is_bold_and_what_is_not_ranked_is_grey(page_of, model):
    specs = [model("gpt2"), model("llama", 1.6)]
    first, second = page_of(specs).cells()
    assert ("class" in first["loss"], second["loss"]["class"]) == (False, "best")
    specs[1].provenance = {"hardware.fingerprint": "other"}
    page = page_of(specs)
    first, second = page.cells()
    assert second["loss"]["class"] == "best"
    assert first["step_ms"]["class"] == second["step_ms"]["class"] == "grey"
    assert "Time and memory are not ranked: the runs differ in hardware fingerprint" in page.words
    specs[1].summary["tokens"] = 5
    assert {row["loss"]["class"] for row in page_of(specs).cells()} == {"grey"}


def test_links_lead_to_the_runs(page_of, model, results):
    specs = [model("gpt2"), model("llama")]
    links = [a["href"] for tag, a in page_of(specs).tags if tag == "a" and a["href"][0] != "#"]
    assert len(links) == 2
    for link in links:
        assert (results.root / link).is_file()


def test_nothing_is_loaded_from_anywhere(page_of, model, results, real_figures):
    page = page_of([model("gpt2"), model("llama")])
    source = (results.root / "compare.html").read_text()
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "href"):
            assert not re.match(r"(?i)\s*(https?:|//)", attributes.get(name) or ""), tag
    assert not re.search(r"(?i)@import|url\(|https?://", source)
    drawn = [base64.b64decode(d).decode() for d in re.findall(r"base64,([A-Za-z0-9+/=]+)", source)]
    assert len(drawn) == 2
    for svg in drawn:
        assert svg.count("</svg>") == 1
        assert not re.search(r'(?i)href="(?!#)|url\((?!#)', svg)


def test_hostile_text_stays_text(page_of, model, real_figures):
    evil = {"architecture": HOSTILE, "architecture_name": HOSTILE, "dataset": HOSTILE}
    evil |= {"speed": {"dtype": HOSTILE}, "throughput.doubts": [HOSTILE], "model": HOSTILE}
    facts = {"git.sha": HOSTILE, "hardware.device_name": HOSTILE, "hardware.fingerprint": HOSTILE}
    specs = [
        model("gpt2"),
        model("llama", summary=evil, provenance=facts, axes={"CORPUS": HOSTILE}),
        model("V1", status="failed", reason=HOSTILE),
    ]
    page = page_of(specs)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.words.count("<script>alert(1)") >= 6
    assert "\x1b" not in page.words


def test_older_half_empty_and_failed_runs_make_a_page(page_of, model, results, spec, compared):
    failed = [model("gpt2", status="failed", reason="boom"), model("V1", status="oom")]
    page = page_of(failed)
    assert {a["data-value"] for row in page.cells() for k, a in row.items() if k == "loss"} == {""}
    assert "1 gpt2 failed: boom. It has no numbers to compare." in page.words
    old = spec(seed=3)
    comparison = compared([old])
    (results.root / old.dir / "metrics.jsonl").unlink()
    (results.root / old.dir / "run.json").unlink()
    page = Page(write(comparison, results.root).read_text())
    assert "One run: nothing to compare it with." in page.words
    assert "Curves" not in page.words


def test_the_page_is_the_same_on_a_rerun_and_whole_or_not_there(
    compared, model, results, monkeypatch, real_figures
):
    comparison = compared([model("gpt2"), model("llama")])
    page = write(comparison, results.root)
    first = (page.read_bytes(), page.stat().st_mtime_ns)
    write(comparison, results.root)
    assert (page.read_bytes(), page.stat().st_mtime_ns) == first

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        write(compared([model("gpt2"), model("V1")]), results.root)
    assert page.read_bytes() == first[0]
    assert [path.name for path in results.root.glob("*compare*")] == ["compare.html"]


def test_many_runs_are_one_page_of_which_the_first_are_drawn(page_of, model):
    page = page_of([model("gpt2", seed=seed) for seed in range(60)])
    assert len(page.cells()) == 60
    assert "40 of 60 runs are drawn: the first." in page.words
