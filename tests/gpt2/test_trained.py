"""A trained model comes back as it was saved; everything else is named and refused."""

import io
import pickle
import random
import zipfile

import pytest
import torch

from gpt2.datasets.errors import DataError
from gpt2.trained import Place, find_checkpoint, load_trained, place_of, read_checkpoint
from lib.device import processor


def load(planned, which="latest"):
    return load_trained(planned.run, which, planned.settings, place_of(planned.settings), print)


@pytest.mark.parametrize("tied", ["y", "n"])
def test_the_model_comes_back_bit_for_bit(planned, save, tied):
    made = planned(ARCH_PRESET="custom", WEIGHT_TYING=tied)
    path = save(made)
    state = torch.random.get_rng_state()
    trained = load(made)
    assert torch.equal(torch.random.get_rng_state(), state), "loading drew random numbers"
    wanted = made.model.state_dict()
    found = trained.model.state_dict()
    assert list(found) == list(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    is_tied = trained.model.head.weight is trained.model.token_embedding.weight
    assert is_tied == (tied == "y")
    assert not trained.model.training
    tokens = torch.randint(256, (2, 9))
    with torch.no_grad():
        assert torch.equal(trained.model(tokens), made.model(tokens))
    described = trained.described()
    assert (described["file"], described["step"], described["tokens"]) == (path.name, 20, 2560)
    assert len(described["sha256"]) == 64
    # In memory of its own: the file may go.
    path.write_bytes(b"")
    with torch.no_grad():
        assert torch.equal(trained.model(tokens), made.model(tokens))


@pytest.mark.parametrize("tokenizer", ["bytes", "char"])
def test_the_tokenizer_is_that_of_the_data(planned, save, tokenizer):
    made = planned(tokenizer, VOCAB_MULTIPLE=64)
    save(made)
    trained = load(made)
    assert trained.tokenizer.info == made.manifest.tokenizer
    assert trained.tokenizer.decode(trained.tokenizer.encode("7 and 8")) == "7 and 8"
    assert trained.model.shape.vocab_size % 64 == 0


def test_which_file_is_meant(planned, save, tmp_path):
    made = planned()
    for name, step in (("step-999000.pt", 999_000), ("step-1000000.pt", 1_000_000)):
        save(made, name, step=step, kind="training")
    assert find_checkpoint(made.run, "latest").name == "step-1000000.pt"
    assert load(made).checkpoint.step == 1_000_000
    with pytest.raises(ValueError, match="nothing was evaluated yet") as caught:
        find_checkpoint(made.run, "best")
    assert caught.value.exit_status == 66
    save(made)
    assert find_checkpoint(made.run, "latest").name == "step-1000000.pt"
    for path in (made.run.path / "checkpoints").glob("step-*.pt"):
        path.rename(path.with_suffix(".old"))
    assert find_checkpoint(made.run, "latest").name == "final.pt"
    assert find_checkpoint(made.run, "best").name == "final.pt"
    save(made, "best.pt", step=10)
    assert find_checkpoint(made.run, "best").name == "best.pt"
    assert find_checkpoint(made.run, "final.pt").name == "final.pt"
    other = save(made, "kept.pt").rename(tmp_path / "kept.pt")
    assert find_checkpoint(made.run, str(other)) == other
    with pytest.raises(ValueError, match="one of final.pt, best.pt"):
        find_checkpoint(made.run, "step-5.pt")


def test_a_run_without_a_checkpoint_says_how_to_get_one(planned):
    made = planned()
    with pytest.raises(ValueError, match=f"make test-rerun TARGET={made.run.name}") as caught:
        load(made)
    assert caught.value.exit_status == 66


def refusal(planned):
    with pytest.raises(ValueError) as caught:
        load(planned)
    assert caught.value.exit_status == 65
    message = str(caught.value)
    assert "checkpoints/final.pt" in message
    assert message.count("\n") == 0
    return message


def test_every_flipped_byte_of_the_tensors_is_found(planned, save):
    """torch.load alone takes it for another number."""
    made = planned()
    path = save(made)
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        part = max(archive.infolist(), key=lambda info: info.file_size)
    data[part.header_offset + part.file_size // 2] ^= 1
    path.write_bytes(data)
    message = refusal(made)
    assert "is damaged" in message
    assert part.filename in message


def test_any_flipped_bit_is_refused_or_harmless(planned, save):
    """Also in the table of contents and in the pickle; the table is at the end."""
    made = planned(N_LAYER=1, N_EMBD=8)
    path = save(made)
    data = path.read_bytes()
    wanted = made.model.state_dict()
    source = random.Random(0)
    statuses = []
    for number in range(200):
        spoilt = bytearray(data)
        far = len(data) if number % 2 else 2000
        spoilt[-1 - source.randrange(far)] ^= 1 << source.randrange(8)
        path.write_bytes(spoilt)
        try:
            found = read_checkpoint(path, made.config.hash).weights
        except ValueError as error:
            statuses.append(error.exit_status)
        else:
            assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert len(statuses) > 100
    assert set(statuses) == {65}


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.999])
def test_a_file_that_is_cut_off_is_refused(planned, save, keep):
    made = planned()
    path = save(made)
    data = path.read_bytes()
    path.write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    assert "is damaged" in refusal(made)


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_code_in_a_checkpoint_is_named_and_not_run(planned, save, tmp_path):
    made = planned()
    save(made, evil=Evil(str(tmp_path / "pwned")))
    message = refusal(made)
    assert "is untrusted: " in message
    assert "would call" in message
    assert "open" in message
    assert not (tmp_path / "pwned").exists()


def test_a_plain_pickle_and_another_archive_are_refused(planned, save):
    made = planned()
    path = save(made)
    path.write_bytes(pickle.dumps({"schema": 1}))
    assert "it is no checkpoint" in refusal(made)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    path.write_bytes(buffer.getvalue())
    assert "is damaged" in refusal(made)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": 2}, "written by a newer version of this project (schema 2"),
        ({"kind": "optimizer"}, "of no known kind (optimizer)"),
        ({"model": [1]}, "holds no model"),
        ({"config_hash": "f" * 64}, "is of another configuration (ffffffff; this run is"),
        ({"model": {}}, "has no token_embedding.weight where the configuration makes"),
    ],
)
def test_another_content_is_refused(planned, save, changes, words):
    made = planned()
    save(made, **changes)
    assert words in refusal(made)


def test_a_content_without_a_field_is_refused(planned, save):
    made = planned()
    path = save(made)
    payload = torch.load(path)
    del payload["config_hash"]
    torch.save(payload, path)
    assert "it has no config_hash" in refusal(made)
    torch.save([1, 2], path)
    assert "it is no checkpoint of this project" in refusal(made)


def test_other_sizes_are_named(planned, save):
    made = planned()
    state = made.model.state_dict()
    state["final_norm.weight"] = torch.ones(33)
    save(made, model=state)
    assert "has final_norm.weight of 33 where the configuration makes final_norm.weight of 32" in (
        refusal(made)
    )
    extra = made.model.state_dict() | {"router.weight": torch.ones(2)}
    save(made, model=extra)
    assert "has router.weight of 2 where the configuration makes no router.weight" in refusal(made)


def test_a_head_that_left_its_embedding_is_refused(planned, save):
    made = planned()
    state = made.model.state_dict()
    state["head.weight"] = state["head.weight"] + 1
    save(made, model=state)
    assert "a head that is not its token embedding" in refusal(made)


def test_a_dataset_that_is_gone_names_the_command(planned, save, tmp_path):
    made = planned()
    save(made)
    made.settings["DATA_DIR"] = str(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="prepare_data.py --dataset custom"):
        load(made)


def test_other_characters_are_refused_and_other_bytes_are_not(planned, save):
    for tokenizer in ("bytes", "char"):
        made = planned(tokenizer)
        save(made)
        made.run.begin_attempt({"data": {"hash": "0" * 64}})
        if tokenizer == "bytes":
            load(made)
        else:
            with pytest.raises(DataError, match="was trained on other data"):
                load(made)
            made.run.add_provenance({"data": {"hash": made.manifest.hash}})
            load(made)


def test_only_the_model_s_part_is_read(planned, save):
    """A training checkpoint holds three times as much; its tensors stay in the file."""
    made = planned()
    path = save(made, kind="training", optimizer={"m": torch.zeros(1000)})
    checkpoint = read_checkpoint(path, made.config.hash)
    assert set(checkpoint.weights) == set(made.model.state_dict())


def test_device_and_arithmetic_are_those_of_the_run(planned):
    place = place_of(planned().settings)
    assert (place.device.kind, place.dtype) == ("cpu", "float32")
    assert torch.get_num_threads() == 1
    with place.autocast():
        assert not torch.is_autocast_enabled("cpu")
    with Place(processor(), "bfloat16").autocast():
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
