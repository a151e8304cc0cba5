"""`make bench`: what is chosen, where it is written, and what it says of itself."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from lib.cli import ROOT
from lib.kconfig import override_layer
from scripts.bench import __main__ as bench
from scripts.bench.findings import Finding, Section


def test_targets_come_in_the_order_they_are_measured():
    assert [str(choice) for choice in bench.chosen("")] == list(bench.TARGETS)
    found = bench.chosen("training:gpt2, loader,training:tiny")
    assert [str(choice) for choice in found] == ["loader", "training:gpt2", "training:tiny"]
    with pytest.raises(ValueError, match="TARGET=speed:x is nothing"):
        bench.chosen("loader,speed:x")
    with pytest.raises(ValueError, match="loader is measured as a whole"):
        bench.chosen("loader:gpt2")


def test_one_workload_of_a_part(context):
    whole = replace(context(), is_fast=False)
    assert [each.key for each in whole.workloads()] == ["tiny", "characters", "gpt2"]
    assert [each.key for each in replace(whole, only="gpt2").workloads()] == ["gpt2"]
    with pytest.raises(ValueError, match="no workload x on this device; there are tiny, char"):
        replace(whole, only="x").workloads()


def test_a_smoke_test_is_never_written_over_a_measurement():
    with pytest.raises(ValueError, match="FAST=1 measures nothing worth keeping"):
        bench.main(["--fast", "--write", "docs/benchmarks.md"])


def test_the_device_is_no_option_of_our_trainer_alone():
    layer = override_layer([("DEVICE", "cpu"), ("CPU_THREADS", "1")])
    assert [each.name for each in bench.without_device(layer).assignments] == ["CPU_THREADS"]


@pytest.fixture
def stub(monkeypatch):
    """stub(what): the loader's part finds just this."""

    def put(what):
        target = bench.Target("Loader", lambda context: Section([Finding("m", what, "1")], ["n"]))
        monkeypatch.setitem(bench.TARGETS, "loader", target)

    return put


def test_each_part_has_its_own_place_on_the_page(stub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", "CPU_THREADS DEVICE")
    monkeypatch.setenv("BITTERBENCH_GIVEN_CPU_THREADS", "1")
    monkeypatch.setenv("BITTERBENCH_GIVEN_DEVICE", "cpu")
    monkeypatch.setattr(bench, "cores_in_use", lambda: 0.0)
    page = tmp_path / "page.md"
    words = ["--target", "loader", "--device", "cpu", "--write", str(page)]
    stub("first")
    bench.main(words)
    stub("second")
    bench.main(words)
    text = page.read_text()
    assert "first" not in text
    assert "## Loader, processor\n\n<!-- generated: bench-loader-processor -->" in text
    assert "by `make bench TARGET=loader CPU_THREADS=1` on " in text
    assert "1 threads" in text
    assert capsys.readouterr().err == ""


def test_a_workload_and_a_kind_of_device_have_places_of_their_own():
    whole, part = bench.Choice("loader", None), bench.Choice("training", "gpt2")
    assert bench.place_of(whole, "rocm") == ("Loader, GPU", "bench-loader-gpu")
    assert bench.place_of(part, "cpu") == (
        "Training (gpt2), processor",
        "bench-training-gpt2-processor",
    )


def test_a_busy_machine_is_told_and_written(stub, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "cores_in_use", lambda: 900.0)
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", "CPU_THREADS")
    monkeypatch.setenv("BITTERBENCH_GIVEN_CPU_THREADS", "1")
    stub("x")
    bench.main(["--target", "loader", "--device", "cpu"])
    said = capsys.readouterr()
    assert "warning: 900.00 of" in said.err
    assert "these figures are void" in said.out


def test_as_people_type_it():
    options = ["FAST=1", "DEVICE=cpu", "CPU_THREADS=1", "TARGET=loader"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        ["make", "bench", f"PYTHON={sys.executable}", *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "these figures mean nothing" in done.stdout
    assert "by `make bench TARGET=loader CPU_THREADS=1` on " in done.stdout
    assert "1 threads; PyTorch" in done.stdout
