"""config.json: theirs is read for what it says, whoever wrote it."""

import json

import pytest

from gpt2.components.activation import ACTIVATIONS
from gpt2.components.normalization import EPSILON as BUILT_EPSILON
from gpt2.exchange.card import card
from gpt2.exchange.config import ACTIVATION_NAMES, EPSILON, config_of, read_config
from gpt2.exchange.errors import ExchangeError
from gpt2.exchange.layouts import GPT2, LLAMA
from tests.gpt2.exchange import models
from tests.gpt2.shapes import TINY


def write(folder, values):
    text = values if isinstance(values, str) else json.dumps(values)
    (folder / "config.json").write_text(text)
    return folder


@pytest.fixture
def gpt2(tmp_path):
    """gpt2(NAME=value, ...): what is read from a config.json with these values."""
    return lambda **changes: read_config(write(tmp_path, config_of(TINY, GPT2, None) | changes))


@pytest.fixture
def llama(tmp_path):
    whole = config_of(models.LLAMA, LLAMA, None)
    return lambda **changes: read_config(write(tmp_path, whole | changes))


def test_facts_of_ours():
    assert EPSILON == BUILT_EPSILON
    assert ACTIVATION_NAMES.keys() == ACTIVATIONS.keys()


def test_names_of_activations_are_those_of_transformers():
    from transformers.activations import ACT2FN

    for names in ACTIVATION_NAMES.values():
        for name in names:
            assert name in ACT2FN, name


def test_what_transformers_leaves_out_has_its_default(tmp_path):
    import transformers

    for kind in (transformers.GPT2Config, transformers.LlamaConfig):
        named = {"architectures": [f"{kind.__name__[:-6]}".replace("GPT2", "GPT2LMHeadModel")]}
        if kind is transformers.LlamaConfig:
            named = {"architectures": ["LlamaForCausalLM"]}
        (tmp_path / "config.json").write_text(
            json.dumps(json.loads(kind().to_json_string()) | named)
        )
        found = read_config(tmp_path)
        default = kind()
        assert found.values["n_layer"] == default.num_hidden_layers
        assert found.values["vocab_size"] == default.vocab_size
        assert found.values["weight_tying"] == default.tie_word_embeddings
        assert found.positions == default.max_position_embeddings


def test_the_configuration_that_the_hub_has_for_gpt2(tmp_path):
    """As published in 2019: no n_inner, no word on tying, tasks of another class."""
    values = {
        "activation_function": "gelu_new",
        "architectures": ["GPT2LMHeadModel"],
        "attn_pdrop": 0.1,
        "layer_norm_epsilon": 1e-05,
        "model_type": "gpt2",
        "n_ctx": 1024,
        "n_embd": 768,
        "n_head": 12,
        "n_layer": 12,
        "n_positions": 1024,
        "summary_type": "cls_index",
        "task_specific_params": {"text-generation": {"do_sample": True}},
        "vocab_size": 50257,
    }
    from gpt2.exchange.published import described

    assert read_config(write(tmp_path, values)) == described("gpt2")


def test_llama_cpp_finds_the_context_under_the_name_that_openai_gave_it():
    values = config_of(TINY, GPT2, None)
    assert values["n_ctx"] == values["n_positions"] == TINY.block_size


@pytest.mark.parametrize(
    ("shape", "version"),
    [("gpt2", None), ("llama", "4.33.0"), ("llama-theta", "4.33.0"), ("llama-biases", "4.41.0")],
)
def test_the_version_that_a_model_needs_is_written(shape, version):
    """transformers 4.40.2 has no mlp_bias in LlamaConfig and 4.41.0 has; so 4.32.1 and 4.33.0 with
    rope_theta."""
    layout = GPT2 if shape == "gpt2" else LLAMA
    values = config_of(models.SHAPES[shape], layout, None)
    assert values.get("transformers_version") == version
    page = card("r", "h", SETTINGS, CHECKPOINT, models.made(models.SHAPES[shape]), "bytes", None)
    assert (f"Needs transformers {version} or newer" in page) == (version is not None)


SETTINGS = dict.fromkeys(("DATASET", "OPTIMIZER", "PRUNING_METHOD", "SEED"), "x")
CHECKPOINT = {"file": "f", "sha256": "0", "step": 1, "tokens": 1, "val_loss": None}


def test_rotary_angles_before_and_since_version_5(llama):
    assert llama().values["rope_theta"] == 10000.0
    assert llama(rope_parameters=None, rope_theta=5e5).values["rope_theta"] == 5e5
    assert llama(rope_parameters={"rope_theta": 2.0, "rope_type": "default"}).obstacles == ()
    assert (
        "rope_type is llama3 there"
        in llama(rope_scaling={"type": "llama3"}, rope_parameters=None).obstacles[0]
    )


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"layer_norm_epsilon": 1e-6}, "layer_norm_epsilon is 1e-06 there, and only 1e-05"),
        ({"activation_function": "tanh"}, "activation_function is tanh"),
        ({"scale_attn_weights": False}, "scale_attn_weights is False"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx is True"),
        ({"add_cross_attention": True}, "add_cross_attention is True"),
        ({"quantization_config": {"bits": 4}}, "quantized"),
    ],
)
def test_what_no_option_is_gpt2(gpt2, changes, obstacle):
    assert any(obstacle in clause for clause in gpt2(**changes).obstacles)


@pytest.mark.parametrize(
    ("changes", "obstacle"),
    [
        ({"rms_norm_eps": 1e-6}, "rms_norm_eps is 1e-06 there, and only 1e-05"),
        ({"hidden_act": "gelu"}, "hidden_act is gelu"),
        ({"head_dim": 2}, "head_dim is not"),
        ({"mlp_bias": True}, "attention_bias and mlp_bias differ"),
        ({"rope_parameters": {"rope_theta": 1e4, "rope_type": "yarn"}}, "rope_type is yarn"),
        ({"rope_parameters": {"rope_theta": 1e4, "partial_rotary_factor": 0.5}}, "partial_rotary"),
    ],
)
def test_what_no_option_is_llama(llama, changes, obstacle):
    assert any(obstacle in clause for clause in llama(**changes).obstacles)


@pytest.mark.parametrize(
    "values",
    [
        {"architectures": ["BertModel"], "model_type": "bert"},
        {"architectures": ["MistralForCausalLM"], "model_type": "mistral"},
        {"architectures": ["GPT2LMHeadModel", "BertModel"]},
        {"architectures": "GPT2LMHeadModel"},
        {"architectures": [["GPT2LMHeadModel"]]},
        {"architectures": [], "model_type": "bert"},
        {"architectures": None, "model_type": ["gpt2"]},
        {"architectures": ["\x1b[31mred\nline"]},
        {},
    ],
)
def test_another_architecture_is_refused_by_name(tmp_path, values):
    with pytest.raises(
        ExchangeError, match=r"describes .*Only GPT2LMHeadModel and Llama"
    ) as caught:
        read_config(write(tmp_path, values))
    assert caught.value.exit_status == 2
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "7", "\x00", '{"a": ' * 100_000, '{"architectures": ' + '"' + "a" * (1 << 20)],
)
def test_a_file_that_is_no_json_is_damaged(tmp_path, text):
    with pytest.raises(ExchangeError, match="is not the JSON that transformers writes") as caught:
        read_config(write(tmp_path, text))
    assert caught.value.exit_status == 65
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", ["12", 0, -1, 1.5, True, None, [1], {"a": 1}])
@pytest.mark.parametrize("name", ["n_layer", "n_embd", "vocab_size", "n_positions"])
def test_a_size_is_a_whole_number(gpt2, name, value):
    with pytest.raises(ExchangeError, match=f"as {name} where transformers has a whole number"):
        gpt2(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("layer_norm_epsilon", "small"),
        ("tie_word_embeddings", "false"),
        ("activation_function", 3),
        ("n_inner", "many"),
    ],
)
def test_a_value_of_another_type_is_damage(gpt2, name, value):
    with pytest.raises(ExchangeError, match=f"as {name} where transformers has"):
        gpt2(**{name: value})


@pytest.mark.parametrize(("is_there", "what"), [(True, "has no config.json"), (False, "no folder")])
def test_a_folder_without_one_is_missing(tmp_path, is_there, what):
    folder = tmp_path / "model"
    if is_there:
        folder.mkdir()
    with pytest.raises(ExchangeError, match=what.replace("no folder", "is not a folder")) as caught:
        read_config(folder)
    assert caught.value.exit_status == 66
