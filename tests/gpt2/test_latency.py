"""The command: numbers with their conditions beside the run."""

import json

import pytest
import torch

from gpt2 import latency
from gpt2.latency import measure_after_training, read_latency
from gpt2.trained import place_of

SMALL = {
    "INFERENCE_BATCH_SIZES": "1,2",
    "INFERENCE_LENGTHS": "4,8,500",
    "INFERENCE_TOKENS": 3,
    "INFERENCE_REPEATS": 3,
}


@pytest.fixture
def command(command_of):
    return command_of(latency.main)


def test_the_numbers_are_printed_and_kept_with_their_conditions(command, planned, save):
    made = planned(**SMALL)
    save(made)
    assert read_latency(made.run.path) is None
    status, output, errors = command("--run", "custom")
    assert (status, errors) == (0, "")
    assert output.startswith(f"{made.run.name}, float32 on ")
    assert output.count("tokens/s") == 4
    assert "exceed the context: 500 tokens" in output
    found = read_latency(made.run.path)
    assert [(row["batch_size"], row["prompt_tokens"]) for row in found["rows"]] == [
        (1, 4),
        (1, 8),
        (2, 4),
        (2, 8),
    ]
    assert (found["run"], found["dtype"]) == (made.run.name, "float32")
    assert found["checkpoint"]["step"] == 20
    assert found["hardware"]["threads"] == torch.get_num_threads()
    assert found["versions"]["torch"]
    assert found["decoded_tokens"] == 3


def test_what_make_says_wins(command, planned, save):
    made = planned(**SMALL)
    save(made)
    status, _, _ = command(
        "--run", "custom", "--inference-batch-sizes=5", "--inference-lengths", "6"
    )
    assert status == 0
    (row,) = read_latency(made.run.path)["rows"]
    assert (row["batch_size"], row["prompt_tokens"]) == (5, 6)
    # Measured again, the file is the new one, whole.
    assert command("--run", "custom", "--inference-tokens", "2")[0] == 0
    assert len(read_latency(made.run.path)["rows"]) == 4


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["--inference-batch-sizes", "1,x"], 2, "INFERENCE_BATCH_SIZES=1,x"),
        (["--inference-lengths", "500"], 2, "exceed the context of 32 tokens"),
        (["--checkpoint", "best", "--checkpoint=nine.pt"], 66, "no checkpoint 'nine.pt'"),
        (["--hellaswag-text", "harness"], 2, "--hellaswag-text does not concern this command"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_no_file(
    command, planned, save, arguments, status, sentence
):
    made = planned(**SMALL)
    save(made)
    actual, _, errors = command("--run", "custom", *arguments)
    assert actual == status
    assert sentence in errors
    assert read_latency(made.run.path) is None


def test_a_training_measures_its_own_model_where_it_is_asked_to(planned):
    made = planned(**SMALL)
    said = []
    made.model.train()

    def measure(**changes):
        settings = made.settings | changes
        measure_after_training(made.run, made.model, 20, settings, place_of(settings), said.append)

    measure(INFERENCE_TEST=False)
    assert read_latency(made.run.path) is None
    measure(INFERENCE_TEST=True, INFERENCE_LENGTHS="500")
    assert read_latency(made.run.path) is None
    assert [line for line in said if line.startswith("inference was not measured: INFERENCE_LEN")]
    said.clear()
    measure(INFERENCE_TEST=True)
    assert read_latency(made.run.path)["checkpoint"] == {"step": 20}
    assert len(said) == 5
    assert made.model.training


@pytest.mark.parametrize("contents", ["", "[]", "{}", '{"schema": 2, "rows": []}'])
def test_a_torn_file_is_no_measurement(tmp_path, contents):
    (tmp_path / "latency.json").write_text(contents)
    assert read_latency(tmp_path) is None
    (tmp_path / "latency.json").write_text(json.dumps({"schema": 1, "rows": []}))
    assert read_latency(tmp_path) == {"schema": 1, "rows": []}
