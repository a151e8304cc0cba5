import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from gpt2 import prepare_data
from gpt2.datasets import CORPORA
from lib.cli import ROOT, guarded


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the command in this process on a configuration of the test's own."""
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / ".config"))
    monkeypatch.delenv("DATA_MIRROR", raising=False)
    monkeypatch.delenv("BITTERBENCH_OVERRIDES", raising=False)

    def run(*arguments):
        status = guarded(prepare_data.main, [*arguments, f"--data-dir={tmp_path / 'data'}"])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("some text to learn " * 100)
    return path


def test_prepares_and_says_what(command, text, tmp_path):
    arguments = (f"--custom-path={text}", "--custom-tokenizer", "bytes")
    status, output, errors = command("--dataset", "custom", *arguments)
    assert (status, errors) == (0, "")
    for line in (
        "dataset     custom",
        "tokenizer   bytes, 256 tokens",
        "train       1,710 tokens of 1,710 bytes",
        "validation  190 tokens of 190 bytes",
        f"folder      {tmp_path / 'data' / 'custom-'}",
        "hash        ",
    ):
        assert line in output
    assert str(text) in output
    status, again, _ = command("--dataset", "custom", *arguments)
    assert (status, again) == (0, output.removeprefix("tokenising 1,900 bytes (bytes)\n"))


def test_the_default_dataset_needs_nothing(command):
    status, output, _ = command()
    assert status == 0
    assert "dataset     pystdlib" in output


def test_the_configuration_is_read_and_options_win(command, text, tmp_path):
    (tmp_path / ".config").write_text(
        f'CONFIG_DATASET_CUSTOM=y\nCONFIG_CUSTOM_PATH="{text}"\nCONFIG_CUSTOM_TOKENIZER_CHAR=y\n'
    )
    status, output, _ = command()
    assert status == 0
    assert "tokenizer   char, 11 tokens" in output
    status, output, _ = command("--dataset", "pystdlib")
    assert status == 0
    assert "dataset     pystdlib" in output


def test_what_make_hands_on_is_read(tmp_path, text, monkeypatch, capsys):
    (tmp_path / ".config").write_text("CONFIG_DATASET_PYSTDLIB=y\n")
    monkeypatch.setenv("KCONFIG_CONFIG", str(tmp_path / ".config"))
    assignments = {
        "DATASET": "custom",
        "CUSTOM_PATH": str(text),
        "CUSTOM_TOKENIZER": "bytes",
        "DATA_DIR": str(tmp_path / "data"),
    }
    for name, value in assignments.items():
        monkeypatch.setenv(f"BITTERBENCH_GIVEN_{name}", value)
    monkeypatch.setenv("BITTERBENCH_OVERRIDES", " ".join(assignments))
    assert guarded(prepare_data.main, []) == 0
    assert "dataset     custom" in capsys.readouterr().out


def test_the_mirror_of_the_environment_serves_where_none_is_configured(command, monkeypatch):
    monkeypatch.setenv("DATA_MIRROR", "/none/environment")
    _, _, errors = command("--dataset", "shakespeare")
    assert "DATA_MIRROR=/none/environment is not a folder" in errors
    _, _, errors = command("--dataset", "shakespeare", "--data-mirror", "/none/option")
    assert "DATA_MIRROR=/none/option is not a folder" in errors


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--dataset", "enwik8"], 2, "choose from pystdlib, shakespeare"),
        (["--learning-rate", "3"], 2, "--learning-rate does not concern data"),
        (["shakespeare"], 2, "`shakespeare` is no option"),
        (["--dataset=custom", "--custom-path=/none"], 66, "CUSTOM_PATH=/none does not exist"),
        (["--dataset=shakespeare", "--data-mirror=/none"], 66, "DATA_MIRROR=/none is not a folder"),
        (["--dataset=shakespeare", "--data-mirror=file:///x"], 2, "is neither a folder nor"),
    ],
)
def test_a_mistake_is_one_sentence(command, arguments, status, sentence):
    actual, output, errors = command(*arguments)
    assert actual == status
    assert sentence in errors
    assert errors.count("\n") == 1
    assert output == ""


def test_damage_that_only_the_digest_shows_stops(command, text, tmp_path):
    arguments = ("--dataset=custom", f"--custom-path={text}", "--custom-tokenizer=bytes")
    command(*arguments)
    shard = next((tmp_path / "data").glob("custom-*/train-00000.bin"))
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    status, _, errors = command(*arguments)
    assert status == 65
    assert f"{shard} changed after it was prepared" in errors


def test_a_data_dir_that_cannot_be_is_74(command, tmp_path):
    (tmp_path / "data").write_text("in the way")
    status, _, errors = command("--dataset", "pystdlib")
    assert status == 74
    assert "set DATA_DIR to another folder" in errors


def test_full_verification_reads_what_a_stamp_would_spare(command, text, monkeypatch):
    arguments = ("--dataset=custom", f"--custom-path={text}", "--custom-tokenizer=bytes")
    monkeypatch.setattr("gpt2.datasets.stamps.SMALL_BYTES", 0)
    monkeypatch.setattr("gpt2.datasets.stamps.SETTLED_NS", 0)
    assert command(*arguments)[0] == 0
    read = []

    def count(path, shard, vocab_size):
        read.append(path.name)

    monkeypatch.setattr("gpt2.datasets.shards.check_digest", count)
    assert command(*arguments)[0] == 0
    assert read == []
    assert command(*arguments, "--verify")[0] == 0
    assert read == ["train-00000.bin", "validation-00000.bin"]


def test_documents_are_streamed_with_a_budget(command, tmp_path):
    lines = "".join(json.dumps({"body": f"document {number}"}) + "\n" for number in range(300))
    (tmp_path / "a.jsonl").write_text(lines)
    status, output, errors = command(
        *("--dataset=custom", f"--custom-path={tmp_path / 'a.jsonl'}", "--custom-documents"),
        *("--custom-text-column=body", "--custom-tokenizer=bytes", "--dataset-tokens=2K"),
    )
    assert (status, errors) == (0, "")
    assert "2,000 tokens to make: 0.004 MB of disk" in output
    assert "train       1,800 tokens of 1,800 bytes" in output
    assert "validation  200 tokens of 200 bytes" in output


def test_a_budget_is_not_for_a_text_in_memory(command, text):
    status, _, errors = command("--dataset=custom", f"--custom-path={text}", "--dataset-tokens=1M")
    assert status == 2
    assert "DATASET_TOKENS" in errors


@pytest.mark.parametrize("amount", ["1000M", "lots"])
def test_a_budget_has_one_spelling(command, amount):
    status, _, errors = command("--dataset=finewebedu", f"--dataset-tokens={amount}")
    assert status == 2
    assert f"DATASET_TOKENS={amount}" in errors
    assert errors.count("\n") == 1


def test_without_a_network_it_says_what_to_do(command, tmp_path, monkeypatch):
    """As on a machine that is cut off: no server has a name."""

    def unknown(*arguments, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    start = time.monotonic()
    status, output, errors = command("--dataset", "finewebedu", "--dataset-tokens", "100M")
    assert time.monotonic() - start < 5
    assert status == 66
    assert output == ""
    assert "Name or service not known" in errors
    assert "set DATA_MIRROR" in errors
    assert "CUSTOM_DOCUMENTS=y" in errors
    assert errors.count("\n") == 1


def test_the_datasets_are_listed(command, capsys):
    assert prepare_data.main(["--list"]) == 0
    output = capsys.readouterr().out
    names = [line.split()[0] for line in output.splitlines() if not line.startswith(" ")]
    assert names == list(CORPORA)
    assert "9,672,101 documents, about 10B tokens, 28.5 GB to fetch, ODC-By 1.0" in output
    status, _, errors = command("--list", "--dataset", "finewebedu")
    assert status == 2
    assert "--list stands alone and lists all: leave out --dataset finewebedu" in errors


def test_help_is_the_manual(command):
    status, output, _ = command("--help")
    assert status == 0
    assert output == prepare_data.__doc__


def start(tmp_path, *arguments):
    """The command as a user types it, in a folder of his own."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "gpt2" / "prepare_data.py"), *arguments],
        cwd=tmp_path,
        env=os.environ | {"KCONFIG_CONFIG": str(tmp_path / ".config"), "no_proxy": "127.0.0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_documented_command_works_from_any_folder(tmp_path):
    process = start(tmp_path, "--dataset", "pystdlib", "--data-dir", str(tmp_path / "my data"))
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert f"folder      {tmp_path / 'my data' / 'pystdlib'}" in output


def test_an_interrupt_is_130_without_a_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        process = start(
            tmp_path,
            "--dataset=shakespeare",
            f"--data-mirror=http://127.0.0.1:{mute.getsockname()[1]}",
            f"--data-dir={tmp_path / 'data'}",
        )
        mute.settimeout(60)
        connection, _ = mute.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert errors == "Interrupted.\n"


def test_an_interrupt_while_tokenising_is_130_and_the_rest_is_made_later(tmp_path, real_mirror):
    line = json.dumps({"text": "It was the best of times, it was the worst of times. " * 40}) + "\n"
    (tmp_path / "a.jsonl").write_text(line * 10_000)
    arguments = [
        *("--dataset=custom", f"--custom-path={tmp_path / 'a.jsonl'}", "--custom-documents"),
        *(f"--data-mirror={real_mirror}", f"--data-dir={tmp_path / 'data'}"),
    ]
    process = start(tmp_path, *arguments)
    while "tokens to make" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "Interrupted.\n")
    process = start(tmp_path, *arguments, "--dataset-tokens=10K")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "train       9,000 tokens" in output
