"""Files of weights as they may be: damaged, hostile, incomplete, in shards, narrow."""

import json
import pickle
import struct
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.folder import open_folder
from gpt2.exchange.write import write_export
from tests.gpt2.exchange.models import LLAMA, made, same_bits
from tests.gpt2.shapes import TINY

NAME = "transformer.h.1.mlp.c_fc.weight"


@pytest.fixture
def folder(tmp_path):
    write_export(tmp_path / "model", made(TINY), None, {})
    return tmp_path / "model"


@pytest.fixture
def changed(folder):
    """changed(change): the folder after `change` did something to its dict of tensors."""

    def make(change):
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")
        return folder

    return make


def refused(call, match, status=65):
    with pytest.raises(ExchangeError, match=match) as caught:
        call()
    assert caught.value.exit_status == status
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


def test_any_shorter_file_is_damaged(folder, taken):
    whole = (folder / "model.safetensors").read_bytes()
    for length in (0, 1, 7, 8, 9, 100, 1000, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:length])
        refused(lambda: taken(folder, TINY), "model.safetensors is damaged")
    (folder / "model.safetensors").write_bytes(whole + b"\0")
    refused(lambda: taken(folder, TINY), "model.safetensors is damaged")


def headed(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "contents",
    [
        pickle.dumps({"transformer.wte.weight": [1.0]}),
        struct.pack("<Q", 1 << 62) + b"{}",
        headed(b"{" * 1000),
        headed(b'{"a": \xff}'),
        headed(
            {"a": {"dtype": "F32", "shape": [1 << 62, 1 << 62], "data_offsets": [0, 4]}}, b"1234"
        ),
        headed({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1 << 40]}}, b"1234"),
        headed({"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}, b"1234"),
        headed(
            {
                "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
                "b": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            },
            b"1234",
        ),
    ],
)
def test_a_hostile_file_is_damaged(folder, taken, contents):
    (folder / "model.safetensors").write_bytes(contents)
    refused(lambda: taken(folder, TINY), "model.safetensors is damaged")


def test_a_pickle_is_never_read(folder, taken, tmp_path):
    """It would make a file."""

    class Evil:
        def __reduce__(self):
            return open, (str(tmp_path / "executed"), "w")

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    refused(lambda: taken(folder, TINY), "only pytorch_model.bin, which can run code", 66)
    assert not (tmp_path / "executed").exists()
    (folder / "pytorch_model.bin").unlink()
    refused(lambda: taken(folder, TINY), "has no model.safetensors. Save", 66)


def test_a_tensor_that_is_missing_is_named(changed, taken):
    folder = changed(lambda tensors: tensors.pop(NAME))
    refused(lambda: taken(folder, TINY), f"not those of a GPT2LMHeadModel: it has no {NAME}.")


def test_a_tensor_that_nothing_needs_is_named(changed, taken):
    folder = changed(lambda tensors: tensors.update({"score.weight\x1b[2J": torch.zeros(2)}))
    refused(lambda: taken(folder, TINY), r"nothing here is called score.weight\?\[2J")


@pytest.mark.parametrize("shape", [(64, 16), (16, 63), (1024,), ()])
def test_a_tensor_of_another_size_is_named(changed, taken, shape):
    folder = changed(lambda tensors: tensors.update({NAME: torch.zeros(shape)}))
    refused(lambda: taken(folder, TINY), f"{NAME} is .* where config.json makes it 16 x 64")


def test_many_mistakes_are_three_and_a_number(changed, taken):
    folder = changed(lambda tensors: [tensors.pop(name) for name in list(tensors)[1:]])
    refused(lambda: taken(folder, TINY), r"it has no .*; it has no .*; it has no .*, and 24 more\.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_not_finite_is_damage(changed, taken, value):
    def spoil(tensors):
        tensors[NAME][3, 5] = value

    folder = changed(spoil)
    refused(lambda: taken(folder, TINY), f"{NAME} has values that are not finite")


@pytest.mark.parametrize("dtype", [torch.int32, torch.float64, torch.bool, torch.float8_e4m3fn])
def test_a_tensor_of_another_kind_is_refused(changed, taken, dtype):
    folder = changed(lambda tensors: tensors.update({NAME: tensors[NAME].to(dtype)}))
    refused(lambda: taken(folder, TINY), f"{NAME} is .*, not one of F32, F16, BF16")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_tensors_widen(changed, taken, dtype):
    def narrow(tensors):
        tensors.update({name: tensor.to(dtype) for name, tensor in tensors.items()})

    found = taken(changed(narrow), TINY)
    for ours, theirs in zip(found.parameters(), made(TINY).parameters(), strict=True):
        assert ours.dtype == torch.float32
        assert torch.equal(ours, theirs.to(dtype).float())


def test_the_names_and_masks_of_the_published_files(folder, changed, taken):
    """No prefix, and the causal mask as a tensor of each layer: so are OpenAI's on the hub."""

    def as_published(tensors):
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)
        for number in range(TINY.n_layer):
            tensors[f"h.{number}.attn.bias"] = torch.ones(1, 1, 12, 12).tril()
            tensors[f"h.{number}.attn.masked_bias"] = torch.tensor(-1e4)

    assert same_bits(taken(changed(as_published), TINY), made(TINY))


def test_a_tied_head_that_is_stored_must_be_the_embedding(changed, taken):
    def store(tensors):
        tensors["lm_head.weight"] = tensors["transformer.wte.weight"].clone()

    folder = changed(store)
    assert same_bits(taken(folder, TINY), made(TINY))

    def other(tensors):
        tensors["lm_head.weight"] = tensors["transformer.wte.weight"] + 1

    refused(lambda: taken(changed(other), TINY), "a head that is not its token embedding")


def test_the_head_of_its_own_is_needed(tmp_path, taken):
    write_export(tmp_path / "model", made(LLAMA), None, {})
    tensors = load_file(tmp_path / "model" / "model.safetensors")
    del tensors["lm_head.weight"]
    save_file(tensors, tmp_path / "model" / "model.safetensors")
    refused(lambda: taken(tmp_path / "model", LLAMA), "it has no lm_head.weight")


@pytest.fixture
def sharded(folder, tmp_path):
    """The same model in several files, as transformers writes large ones."""
    transformers = pytest.importorskip("transformers")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="8KB")
    return tmp_path / "sharded"


def test_shards_are_one_model(sharded, folder, taken):
    assert len(list(sharded.glob("*.safetensors"))) > 2
    assert same_bits(taken(sharded, TINY), made(TINY))
    with open_folder(sharded) as many, open_folder(folder) as one:
        assert len(many.digests) > 2
        assert len(many.sha256) == 64
        assert many.sha256 not in (one.sha256, *many.digests.values())


def test_a_shard_that_is_missing_is_named(sharded, taken):
    first = min(sharded.glob("*.safetensors"))
    first.unlink()
    refused(lambda: taken(sharded, TINY), f"has no {first.name}, which model.safetensors.index", 66)


@pytest.mark.parametrize(
    "places",
    [
        {"a": "../model/model.safetensors"},
        {"a": "/etc/passwd"},
        {"a": "weights.bin"},
        {"a": ".safetensors"},
        {"a": 7},
        {},
        [],
        None,
    ],
)
def test_an_index_leads_nowhere_else(sharded, taken, places):
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    refused(lambda: taken(sharded, TINY), "index.json is damaged")


def test_an_index_and_its_files_agree(sharded, taken):
    index = sharded / "model.safetensors.index.json"
    places = json.loads(index.read_text())["weight_map"]
    index.write_text(json.dumps({"weight_map": places | {"more": min(places.values())}}))
    refused(lambda: taken(sharded, TINY), "more is in the index or in the files, not in both")
    del places[NAME]
    index.write_text(json.dumps({"weight_map": places}))
    refused(lambda: taken(sharded, TINY), f"{NAME} is in the index or")


def test_a_tensor_is_in_one_file(sharded, taken):
    first, second, *_ = sorted(sharded.glob("*.safetensors"))
    save_file(load_file(first) | load_file(second), second)
    refused(lambda: taken(sharded, TINY), "is in another file too")


def test_the_digest_is_that_of_the_file(folder):
    import hashlib

    with open_folder(folder) as weights:
        expected = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        assert weights.sha256 == expected
        assert weights.digests == {"model.safetensors": expected}


def test_other_sizes_in_config_json_than_in_the_tensors(folder, taken):
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"n_inner": 32}))
    refused(
        lambda: taken(folder, replace(TINY, ffn_hidden=32)),
        r"c_fc.weight is 16 x 64 where config.json makes it 16 x 32",
    )
