"""Mutants of what is done with a trained model: loading, samples, HellaSwag, latency."""

from tests.mutants.mutant import Mutant

CACHE_TESTS = "tests/gpt2/components/test_cache.py"
GENERATE = "gpt2/generate.py"
GENERATE_TESTS = "tests/gpt2/test_generate.py"
TRAINED = "gpt2/trained.py"
TRAINED_TESTS = "tests/gpt2/test_trained.py"
SCORING = "gpt2/questions/scoring.py"
SCORING_TESTS = "tests/gpt2/questions/test_scoring.py"
ACCURACY = "gpt2/questions/accuracy.py"
ACCURACY_TESTS = "tests/gpt2/questions/test_accuracy.py"
SIDE = "gpt2/side_evaluations.py"
SIDE_TESTS = "tests/gpt2/test_side_evaluations.py"

EVALUATION = (
    Mutant(
        mechanism="cache: positions go on",
        defect="every piece begins at position 0",
        file="gpt2/model.py",
        original="self.position_embedding.embed(self.token_embedding(tokens_BT), start)",
        replacement="self.position_embedding.embed(self.token_embedding(tokens_BT), 0)",
        test=f"{CACHE_TESTS}::test_any_pieces_give_the_logits_of_one_pass",
    ),
    Mutant(
        mechanism="cache: a new token sees all before it",
        defect="the i-th new token sees the first i of all tokens",
        file="gpt2/components/attention.py",
        original="device=device).tril(S - T)",
        replacement="device=device).tril()",
        test=f"{CACHE_TESTS}::test_any_pieces_give_the_logits_of_one_pass",
    ),
    Mutant(
        mechanism="samples: the padding of the vocabulary is never drawn",
        defect="a token without a text may come",
        file=GENERATE,
        original="model.head(hidden_BTC[:, -1])[:, :vocab_size].float().cpu()",
        replacement="model.head(hidden_BTC[:, -1]).float().cpu()",
        test=f"{GENERATE_TESTS}::test_the_padding_of_the_vocabulary_is_never_drawn",
    ),
    Mutant(
        mechanism="samples: a generator of their own",
        defect="they draw from the stream of dropout",
        file=GENERATE,
        original="torch.multinomial(logits_BV.softmax(dim=-1), 1, generator=generator)",
        replacement="torch.multinomial(logits_BV.softmax(dim=-1), 1)",
        test=f"{GENERATE_TESTS}::test_it_leaves_model_and_random_state_alone",
    ),
    Mutant(
        mechanism="samples: the window slides when the context is full",
        defect="the context stays what it was",
        file=GENERATE,
        original="                hidden_BTC = model.hidden(window_BT)\n",
        replacement="                pass\n",
        test=f"{GENERATE_TESTS}::"
        "test_the_cache_changes_nothing_before_and_after_the_context_is_full",
    ),
    Mutant(
        mechanism="samples: the temperature divides",
        defect="it is ignored",
        file=GENERATE,
        original="logits_BV = logits_BV / sampling.temperature",
        replacement="logits_BV = logits_BV / 1.0",
        test=f"{GENERATE_TESTS}::test_tokens_are_drawn_as_transformers_weighs_them",
    ),
    Mutant(
        mechanism="samples while training: the step decides",
        defect="every sample of a run draws alike",
        file=SIDE,
        original='stream_seed(self._settings["SEED"], "sample") + step',
        replacement='stream_seed(self._settings["SEED"], "sample")',
        test=f"{SIDE_TESTS}::test_the_step_alone_decides_a_sample",
    ),
    Mutant(
        mechanism="evaluation: dropout is on again, however it ended",
        defect="after predictions that are not finite it stays off",
        file="gpt2/evaluate.py",
        original="    finally:\n        model.train(was_training)",
        replacement="    finally:\n        pass",
        test=f"{SIDE_TESTS}::test_a_model_that_went_astray_shows_nothing",
    ),
    Mutant(
        mechanism="checkpoint: of this run only",
        defect="another configuration's weights are taken",
        file=TRAINED,
        original="    if found != config_hash:",
        replacement="    if False:",
        test=f"{TRAINED_TESTS}::test_another_content_is_refused",
    ),
    Mutant(
        mechanism="HellaSwag: the first token of an ending counts",
        defect="only those after it do",
        file=SCORING,
        original="counts_RL = torch.arange(L, device=device) < length_R[:, None]",
        replacement="counts_RL = torch.arange(L, device=device) < length_R[:, None]\n"
        "    counts_RL[:, 0] = L == 1",
        test=f"{SCORING_TESTS}::test_losses_and_answers_equal_those_of_transformers",
    ),
    Mutant(
        mechanism="HellaSwag: what pads an ending does not count",
        defect="shorter endings pay for the longest",
        file=SCORING,
        original="counts_RL = torch.arange(L, device=device) < length_R[:, None]",
        replacement="counts_RL = torch.arange(L, device=device) < 0 * length_R[:, None] + L",
        test=f"{SCORING_TESTS}::test_losses_and_answers_equal_those_of_transformers",
    ),
    Mutant(
        mechanism="HellaSwag: the mean over an ending's tokens",
        defect="the sum, under the name of the mean",
        file=ACCURACY,
        original='"accuracy_per_token": lambda one: list(map(len, one.endings)),',
        replacement='"accuracy_per_token": lambda one: [1] * len(one.endings),',
        test=f"{ACCURACY_TESTS}::test_each_measure_divides_by_its_own_length",
    ),
    Mutant(
        mechanism="HellaSwag: a part of the questions is spread over the file",
        defect="its beginning, which is all ActivityNet",
        file="gpt2/questions/hellaswag.py",
        original="questions[index * total // count]",
        replacement="questions[index]",
        test="tests/gpt2/questions/test_hellaswag.py::"
        "test_a_part_is_evenly_spaced_and_always_the_same",
    ),
    Mutant(
        mechanism="HellaSwag: a result belongs to one checkpoint",
        defect="another checkpoint is given the first one's result",
        file="gpt2/hellaswag.py",
        original='"checkpoint_sha256": trained.sha256,',
        replacement='"checkpoint_sha256": "",',
        test="tests/gpt2/test_hellaswag.py::test_another_checkpoint_is_another_result",
    ),
    Mutant(
        mechanism="HellaSwag: what a killed command had done is kept",
        defect="it begins again",
        file="gpt2/hellaswag.py",
        original="    known = notebook.known(note)",
        replacement="    known = {}",
        test="tests/gpt2/test_hellaswag.py::test_a_stopped_command_continues_to_the_same_result",
    ),
    Mutant(
        mechanism="latency: the first repeat warms up",
        defect="it is counted",
        file="gpt2/inference_timing.py",
        original="        _answer(model, prompt_BT, tokens)\n        reset_peak",
        replacement="        reset_peak",
        test="tests/gpt2/test_inference_timing.py::test_median_and_percentile_are_over_the_repeats",
    ),
    Mutant(
        mechanism="tokens: a character without a token is refused",
        defect="it becomes the next one of the alphabet",
        file="gpt2/datasets/tokenizers.py",
        original="        if not np.isin(codes, self._codes).all():",
        replacement="        if False:",
        test="tests/gpt2/datasets/test_tokenizers.py::test_a_character_without_a_token_is_named",
    ),
)
