import base64
import json
import re
import statistics
from html.parser import HTMLParser

import pytest

from scripts.report import figures, write_report

DRAWING = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
VOID = {"meta", "img", "source", "br", "hr", "link", "input", "wbr"}
HOSTILE = "<script>alert(1)</script> | `x` \u4f60 &amp; \x1b[31m\"'"


class Page(HTMLParser):
    """Checks the nesting of tags and collects what tests ask about."""

    def __init__(self, path):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text = [], [], []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self):
        return " ".join(" ".join(self.text).split())

    def cells(self):
        """The scoreboard: arm -> column -> its data-value."""
        rows, arm = {}, None
        for tag, attributes in self.tags:
            if tag == "th" and attributes.get("scope") == "row" and "data-value" in attributes:
                arm = attributes["data-value"]
            if tag == "td" and "data-column" in attributes:
                rows.setdefault(arm, {})[attributes["data-column"]] = attributes
        return rows


@pytest.fixture
def real_figures():
    """Ask for it to have the figures drawn: most tests of the page are not about them."""


@pytest.fixture(autouse=True)
def _quick_figures(request, monkeypatch):
    if "real_figures" not in request.fixturenames:
        monkeypatch.setattr(figures, "draw", lambda *_, **__: DRAWING)


def page_at(folder):
    return Page(write_report(folder))


def page_of(results, specs, **plan):
    return Page(write_report(results.matrix(specs, **plan)))


@pytest.mark.parametrize("seeds", [1, 3])
def test_every_number_traces_to_the_files(results, grid, seeds):
    specs = grid(seeds)
    cells = page_of(results, specs).cells()
    names = {
        "perplexity": "val_perplexity", "loss": "val_loss", "bits_per_byte": "val_bits_per_byte",
        "sparsity": "pruning.achieved_sparsity", "peak_rss": "memory.peak_rss_bytes",
        "optimizer_state": "memory.optimizer_bytes", "masks": "memory.mask_bytes",
        "step_ms": "time.step_ms_median", "tokens_per_s": "throughput.tokens_per_s",
        "wall": "time.total_s",
    }  # fmt: skip
    for arm, row in cells.items():
        mine = [item for item in specs if item.arm == arm]
        files = [json.loads((results.root / i.dir / "summary.json").read_text()) for i in mine]
        for column, name in names.items():
            values = files
            for key in name.split("."):
                values = [value[key] for value in values]
            shown = row[column]["data-value"]
            if None in values:
                assert shown == ""
            else:
                assert float(shown) == pytest.approx(statistics.fmean(values), rel=1e-14)
                assert all(repr(value) in row[column]["title"] for value in values)
    assert len(cells) == 5


def test_every_run_links_to_its_folder(results, grid):
    specs = grid(2)
    path = write_report(results.matrix(specs))
    links = [a["href"] for tag, a in Page(path).tags if tag == "a" and a["href"].startswith("..")]
    assert len(links) == len(specs)
    for link in links:
        assert (path.parent / link).is_file()


def test_nothing_is_loaded_from_anywhere(results, grid, real_figures):
    page = page_of(results, grid(1))
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "href"):
            address = attributes.get(name) or ""
            assert not re.match(r"(?i)\s*(https?:|//)", address), (tag, address)
    assert not re.search(r"(?i)@import|url\(|https?://", page.source)
    for data in re.findall(r"base64,([A-Za-z0-9+/=]+)", page.source):
        svg = base64.b64decode(data).decode()
        assert not re.search(r'(?i)href="(?!#)|url\((?!#)', svg)


def test_hostile_text_stays_text(results, spec, real_figures):
    specs = [
        spec(),
        spec(HOSTILE, status="failed", reason=HOSTILE, log=HOSTILE),
        spec("adamwprune", provenance={"git.sha": HOSTILE, "hardware.device_name": HOSTILE}),
    ]
    plan = {
        "skipped": [{"axes": {HOSTILE: HOSTILE}, "reason": HOSTILE}],
        "parity": {HOSTILE: {HOSTILE: HOSTILE}},
        "command": HOSTILE,
        "config_from": HOSTILE,
        "id": HOSTILE,
    }
    path = write_report(results.matrix(specs, **plan))
    page = Page(path)
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert "<script>alert" in page.words
    assert "\x1b" not in page.source
    markdown = (path.parent / "report.md").read_text(encoding="utf-8")
    tables = [line for line in markdown.splitlines() if not line.startswith("    ")]
    assert "<script" not in "\n".join(tables)


def test_best_is_marked_only_where_it_may_be(results, grid, tmp_path):
    for seeds, expected in ((1, set()), (2, set()), (3, {"adamw"})):
        page = page_of(type(results)(tmp_path / str(seeds)), grid(seeds))
        cells = page.cells()
        best = {arm for arm, row in cells.items() if row["perplexity"].get("class") == "best"}
        assert best == expected


def test_efficiency_of_pruned_arms_is_labelled(results, grid):
    path = write_report(results.matrix(grid(1)))
    page = path.read_text(encoding="utf-8")
    rows = re.findall(r'<th scope="row" data-value="([^"]*)">.*?</tr>', page, re.S)
    bodies = re.findall(r'<th scope="row" data-value="[^"]*">(.*?)</tr>', page, re.S)
    for arm, body in zip(rows, bodies, strict=True):
        for column in ("peak_rss", "optimizer_state", "step_ms", "tokens_per_s", "wall"):
            cell = re.search(rf'data-column="{column}".*?</td>', body, re.S).group()
            assert ("&dagger;" in cell) == ("@" in arm), (arm, column)
    assert "masked-dense" in page


def test_a_study_shows_effects_and_refuses_what_has_no_twin(results, study_of):
    controls = {"adamw V1": "adamw V0c", "adamw RT": "adamw V0c", "adamw V3": None}
    path = write_report(study_of(results, 3, controls=controls))
    page = Page(path)
    cells = page.cells()
    for arm, twin in (("adamw V1", "adamw V0c"), ("adamw RT", "adamw V0c")):
        assert twin in cells[arm]["effect"]["title"]
        gap = float(cells[arm]["loss"]["data-value"]) - float(cells[twin]["loss"]["data-value"])
        assert float(cells[arm]["effect"]["data-value"]) == pytest.approx(gap, abs=1e-12)
        assert cells[arm]["difference"]["data-value"]
    for key in ("effect", "difference"):
        assert cells["adamw V3"][key]["data-value"] == ""
        assert cells["adamw V3"][key]["title"] == "refused: no plain twin"
    assert cells["adamw V3"]["loss"]["data-value"]
    assert cells["adamw RT"]["effect"]["class"] == "best"
    for words in (
        "Loss - twin nats", "Loss - baseline nats, confounded", "twin V0c", "no twin",
        "adamw V3 stands here without its plain twin V0c-V3",
        "Loss - baseline is none: the biases, the initial weights and the dropout",
    ):  # fmt: skip
        assert words in page.words, words
    assert re.search("<code>cp results/runs/[^<]* .config &amp;&amp; make test-matrix", page.source)
    markdown = (path.parent / "report.md").read_text(encoding="utf-8")
    assert "| adamw V1 (twin V0c) |" in markdown
    assert "| adamw V3 (no twin) | - | - |" in markdown
    assert "Loss - baseline (nats, confounded)" in markdown


def test_a_study_without_gates_has_no_section_of_them(results, study_of):
    page = page_at(study_of(results, 1))
    assert 'id="gates"' not in page.source


def test_gates_are_a_section_with_a_figure_and_a_table(results, study_of, real_figures):
    def changed(item):
        if item.arm == "adamw V3":
            item.rows = [
                {"kind": "rmlp_gate", "step": step, "tokens": 0, "w_eff": {"mean": 0.1}}
                for step in (50, 100)
            ]
            activation = {"policy": "variance", "woken_at": 75, "reason": "forced"}
            item.summary = {"reciprocal": {"activation": activation}}

    path = write_report(study_of(results, 1, changed))
    page = Page(path)
    assert "A gate alone means nothing: weights rescale freely" in page.words
    assert "adamw V3 75 forced: a quarter of the run was over" in page.words
    assert (path.parent / "gates.svg").is_file()
    markdown = (path.parent / "report.md").read_text(encoding="utf-8")
    assert "| adamw V3 | 75 | forced: a quarter of the run was over | - |" in markdown
    # What is no study any more keeps no figure of one.
    write_report(study_of(results, 1, changed, controls={}))
    assert not (path.parent / "gates.svg").exists()


def test_hostile_controls_stay_text(results, study_of):
    controls = {HOSTILE: HOSTILE, "adamw V1": HOSTILE, "adamw V3": {"a": 1}}
    page = page_at(study_of(results, 1, controls=controls))
    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.cells()["adamw V1"]["effect"]["data-value"] == ""


@pytest.mark.parametrize("controls", [{}, [], None, "adamw", 3])
def test_without_controls_nothing_of_a_study_is_there(results, grid, controls):
    folder = results.matrix(grid(1))
    report = write_report(folder).parent
    before = {path.name: path.read_bytes() for path in report.iterdir()}
    assert write_report(results.matrix(grid(1), controls=controls)).parent == report
    assert {path.name: path.read_bytes() for path in report.iterdir()} == before


def test_mixed_machines_are_grey(results, spec):
    other = spec("adamwprune", provenance={"hardware.fingerprint": "x"})
    cells = page_of(results, [spec(), other]).cells()
    assert cells["adamw"]["step_ms"]["class"] == "grey"
    assert cells["adamw"]["peak_rss"]["class"] == "grey"
    assert "class" not in cells["adamw"]["loss"]


def test_failures_are_rows_with_reason_step_and_log(results, spec):
    specs = [
        spec(),
        spec(seed=2, status="failed", reason="No space left", log="a\nTraceback: boom\n"),
        spec(seed=3, status="diverged", reason="loss nan at step 150"),
        spec(seed=4, status=None, has_begun=False),
    ]
    skipped = [{"axes": {"OPTIMIZER": "adamw", "SEED": None}, "reason": "not possible"}]
    words = page_of(results, specs, skipped=skipped).words
    for expected in (
        "failed 150 No space left", "diverged 150 loss nan at step 150", "not started",
        "Traceback: boom", "OPTIMIZER=adamw not possible",
        "5 planned: 1 done, 1 failed, 1 diverged, 1 pending, 1 skipped",
    ):  # fmt: skip
        assert expected in words


def test_parity_is_shown(results, spec):
    parity = {"WEIGHT_DECAY": {"adamw": 0.1, "adamwprune": 0.0}}
    words = page_of(results, [spec(), spec("adamwprune")], parity=parity).words
    assert "1 option that can change a result" in words
    assert "WEIGHT_DECAY 0.1 adamw 0.0 adamwprune" in words


def test_provenance_shows_only_what_differs(results, spec):
    words = page_of(results, [spec(seed=1), spec(seed=2)]).words
    section = words.partition("Options that differ between runs")[2].partition("Commands")[0]
    assert "SEED 1 1 run: adamw 2 1 run: adamw" in section
    assert "BLOCK_SIZE" not in section
    assert f"cp results/{spec(seed=1).dir}/.config .config && make" in words


@pytest.mark.parametrize("status", ["failed", "diverged", "oom", None])
def test_a_page_without_any_result(results, spec, status):
    page = page_of(results, [spec(status=status), spec("adamwprune", status=status)])
    assert "No run has a result yet" in page.words


def test_a_page_without_any_run(results):
    assert "This matrix plans no runs." in page_of(results, []).words


def test_half_empty_files(results, spec, real_figures):
    folder = results.matrix([spec(), spec("adamw+magnitude@50%")])
    for k, name in enumerate(("adamw", "adamw+magnitude@50%")):
        item = spec(name)
        head = {"schema": 1, "config_hash": item.hash, "status": "done", "pruning": None}
        (results.root / item.dir / "summary.json").write_text(json.dumps(head))
        (results.root / item.dir / "run.json").write_text("{" if k else "{}")
        (results.root / item.dir / "metrics.jsonl").unlink()
        (results.root / item.dir / "config.py").unlink()
        (results.root / item.dir / "train.log").unlink()
    page = Page(write_report(folder))
    assert {a["data-value"] for row in page.cells().values() for a in row.values()} == {""}
    assert "2 runs without a readable configuration" in page.words


def test_everything_is_the_same_on_a_rerun(results, grid, real_figures):
    folder = results.matrix(grid(1))
    report = write_report(folder).parent
    first = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in report.iterdir()}
    write_report(folder)
    again = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in report.iterdir()}
    assert first == again
    assert {"report.html", "report.md", "summary.csv", "curves.svg"} <= first.keys()


def test_figures_of_an_earlier_report_go(results, spec):
    folder = results.matrix([spec("adamw+magnitude@50%")])
    report = write_report(folder).parent
    assert (report / "sparsity.svg").exists()
    write_report(results.matrix([spec()]))
    assert not (report / "sparsity.svg").exists()


def test_markdown_names_every_arm_and_figure(results, grid):
    report = write_report(results.matrix(grid(1))).parent
    markdown = (report / "report.md").read_text(encoding="utf-8")
    assert markdown.count("\n| adamw") >= 5
    for name in re.findall(r"\]\(([a-z-]+\.svg)\)", markdown):
        assert (report / name).is_file()
    header = next(line for line in markdown.splitlines() if line.startswith("| Method"))
    for line in markdown.splitlines():
        if line.startswith("| adamw") and "1/1" in line:
            assert line.count("|") == header.count("|")
