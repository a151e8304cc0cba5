"""Each check says what is wrong with the command that mends it, and changes nothing."""

import importlib.util
import sys

import pytest
import torch

from lib.kconfig import override_layer
from scripts import doctor


def found(check, config=None):
    return {finding.subject: finding for finding in check(config)}


@pytest.mark.parametrize("version", [(3, 10, 1), (3, 14, 0)])
def test_an_unsuitable_python(monkeypatch, version):
    monkeypatch.setattr(
        sys,
        "version_info",
        type("V", (tuple,), dict(zip(("major", "minor", "micro"), version, strict=True)))(version),
    )
    assert "BASE_PYTHON" in found(doctor.check_python)["python"].remedy


def test_missing_packages_are_named(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("rich", "torch") else find(name)
    )
    packages = found(doctor.check_packages)["packages"]
    assert (packages.text, packages.remedy) == ("missing: rich", "make setup")
    assert found(doctor.check_torch)["torch"].remedy == "make setup"
    assert found(doctor.check_device) == {}


def test_a_tracker_without_its_package(monkeypatch, tree):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "wandb" else find(name)
    )
    config = tree.resolve([override_layer([("TRACKER", "wandb,trackio")])]).typed()
    findings = list(doctor.check_trackers(config))
    assert [(f.text, f.remedy) for f in findings] == [
        ("wandb is missing", 'make setup EXTRAS="trackers"'),
        ("trackio found", None),
    ]
    assert not list(doctor.check_trackers(tree.resolve([]).typed()))
    assert not list(doctor.check_trackers(None))


def test_an_old_torch(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    assert "2.11" in found(doctor.check_torch)["torch"].remedy
    monkeypatch.setattr(torch, "__version__", "2.11.0")
    assert found(doctor.check_torch)["torch"].remedy is None


def test_a_gpu_that_torch_does_not_see(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    assert "make setup" in found(doctor.check_device)["device"].remedy


def test_a_configured_device_that_is_not_here(monkeypatch, tree):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    config = tree.resolve([override_layer([("DEVICE", "rocm")])]).typed()
    assert found(doctor.check_device, config)["configured device"].remedy == "make DEVICE=auto"


def test_a_full_disk(monkeypatch):
    usage = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage)
    assert "free some space" in found(doctor.check_disk)["disk"].remedy


def test_data_prepared_and_not(configure, data_dir):
    from gpt2.dataset_choice import data_arguments
    from gpt2.datasets import prepare

    config = configure().typed()
    assert found(doctor.check_data, config)["dataset"].remedy is None
    prepare(**data_arguments(config), mirror="", progress=lambda line: None)
    assert "tokens" in found(doctor.check_data, config)["dataset"].text
    damaged = data_dir / "pystdlib" / "manifest.json"
    text = damaged.read_text()
    try:
        damaged.write_text("{")
        assert found(doctor.check_data, config)["dataset"].remedy == "make prepare-data"
    finally:
        damaged.write_text(text)


def test_a_published_corpus_has_its_size_and_needs_its_packages(configure, monkeypatch):
    config = configure(DATASET="finewebedu").typed()
    finding = found(doctor.check_data, config)["dataset"]
    assert "28.5 GB to fetch" in finding.text
    assert finding.remedy is None
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert found(doctor.check_data, config)["dataset"].remedy == "make setup EXTRAS=data"


def test_a_terminal_that_cannot_draw(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert "TERM" in found(doctor.check_terminal)["terminal"].remedy


def test_the_exit_status_says_whether_there_is_something_to_mend(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(doctor, "CHECKS", (lambda config: iter([doctor.Finding("a", "good")]),))
    assert doctor.main([]) == 0
    monkeypatch.setattr(
        doctor, "CHECKS", (lambda config: iter([doctor.Finding("a", "bad", "do it")]),)
    )
    assert doctor.main([]) == 1
    assert "MEND a: bad\n     -> do it" in capsys.readouterr().out


def test_a_wrong_configuration_is_a_finding_not_the_end(monkeypatch, tmp_path, capsys):
    (tmp_path / ".config").write_text("CONFIG_NOSUCH=y\n")
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / ".config"))
    monkeypatch.setattr(doctor, "CHECKS", ())
    assert doctor.main([]) == 1
    assert "NOSUCH" in capsys.readouterr().out
