"""Mutants of the exchange with transformers: both directions, and what must be refused."""

from tests.mutants.mutant import Mutant

LAYOUTS = "gpt2/exchange/layouts.py"
CONFIG = "gpt2/exchange/config.py"
FIT = "gpt2/exchange/fit.py"
FOLDER = "gpt2/exchange/folder.py"
INITIAL = "gpt2/exchange/initial.py"
WRITE = "gpt2/exchange/write.py"
LOGITS_TESTS = "tests/gpt2/exchange/test_logits.py"
FOLDER_TESTS = "tests/gpt2/exchange/test_folder.py"
WRITE_TESTS = "tests/gpt2/exchange/test_write.py"
RUN_TESTS = "tests/gpt2/trainers/test_init_from.py"

EXCHANGE = (
    Mutant(
        mechanism="export: block matrices of GPT-2 are transposed",
        defect="a square one goes out as it is",
        file=WRITE,
        original="value = value.T if pair.is_transposed else value\n        parts",
        replacement="value = value.T if pair.is_transposed and value.shape[0] != value.shape[1] "
        "else value\n        parts",
        test=f"{LOGITS_TESTS}::test_an_export_computes_the_same_in_transformers",
    ),
    Mutant(
        mechanism="import: block matrices of GPT-2 are transposed",
        defect="a square one comes in as it is",
        file=INITIAL,
        original="value = value.T if pair.is_transposed else value",
        replacement="value = value.T if pair.is_transposed and value.shape[0] != value.shape[1] "
        "else value",
        test=f"{LOGITS_TESTS}::test_a_model_of_transformers_computes_the_same_here",
    ),
    Mutant(
        mechanism="LLaMA layout: queries, keys and values in this order",
        defect="keys and values are exchanged",
        file=LAYOUTS,
        original='for letter in "qkv")',
        replacement='for letter in "qvk")',
        test=f"{LOGITS_TESTS}::test_a_model_of_transformers_computes_the_same_here",
    ),
    Mutant(
        mechanism="LLaMA layout: the gate is the gate",
        defect="gate and up are exchanged",
        file=LAYOUTS,
        original='(f"{theirs}.mlp.{part}_proj",)',
        replacement="(f\"{theirs}.mlp.{dict(gate='up', up='gate')[part]}_proj\",)",
        test=f"{LOGITS_TESTS}::test_an_export_computes_the_same_in_transformers",
    ),
    Mutant(
        mechanism="export: config.json says the base of the angles",
        defect="the usual one, whatever it was",
        file=CONFIG,
        original='"rope_parameters": {"rope_type": "default", "rope_theta": shape.rope_theta},',
        replacement='"rope_parameters": {"rope_type": "default", "rope_theta": 1e4},',
        test=f"{LOGITS_TESTS}::test_an_export_computes_the_same_in_transformers",
    ),
    Mutant(
        mechanism="export: config.json says the activation",
        defect="GPT-2's, whatever it was",
        file=CONFIG,
        original='"activation_function": ACTIVATION_NAMES[shape.activation][0],',
        replacement='"activation_function": "gelu_new",',
        test=f"{LOGITS_TESTS}::test_an_export_computes_the_same_in_transformers",
    ),
    Mutant(
        mechanism="export: no token ends a text of bytes",
        defect="config.json leaves it to the class, which takes 2",
        file=CONFIG,
        original='        "eos_token_id": eot,\n',
        replacement='        **({} if eot is None else {"eos_token_id": eot}),\n',
        test=f"{WRITE_TESTS}::test_tokens_that_begin_and_end_are_said_to_be_none",
    ),
    Mutant(
        mechanism="export: whole or not there",
        defect="what broke off stays behind",
        file=WRITE,
        original="            shutil.rmtree(partial, ignore_errors=True)\n",
        replacement="            pass\n",
        test=f"{WRITE_TESTS}::test_what_breaks_off_leaves_nothing",
    ),
    Mutant(
        mechanism="import: a bias that is not zero is not dropped",
        defect="a model without biases takes any weights",
        file=INITIAL,
        original="                elif value.count_nonzero():",
        replacement="                elif False:",
        test="tests/gpt2/exchange/test_initial.py::test_a_bias_that_is_not_zero_needs_one_here",
    ),
    Mutant(
        mechanism="import: a value that is not finite is damage",
        defect="the run begins with it",
        file=FOLDER,
        original="        if not torch.isfinite(tensor).all():",
        replacement="        if False:",
        test=f"{FOLDER_TESTS}::test_a_value_that_is_not_finite_is_damage",
    ),
    Mutant(
        mechanism="import: every tensor of the file has a place",
        defect="what is left over is passed over",
        file=INITIAL,
        original="        if not layout.ignored.fullmatch(name.removeprefix(layout.prefix)):",
        replacement="        if False:",
        test=f"{FOLDER_TESTS}::test_a_tensor_that_nothing_needs_is_named",
    ),
    Mutant(
        mechanism="import: a tied head that is stored is the embedding",
        defect="another one is passed over",
        file=INITIAL,
        original="        if not torch.equal(self._read(HEAD), model.head.weight):",
        replacement="        if False:",
        test=f"{FOLDER_TESTS}::test_a_tied_head_that_is_stored_must_be_the_embedding",
    ),
    Mutant(
        mechanism="import: an index leads nowhere else",
        defect="a name with dots and slashes is followed",
        file=FOLDER,
        original='        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*\\.safetensors", name):',
        replacement="        if not name:",
        test=f"{FOLDER_TESTS}::test_an_index_leads_nowhere_else",
    ),
    Mutant(
        mechanism="import: epsilon is what ours is",
        defect="LLaMA of 1e-6 comes in and computes something else",
        file=CONFIG,
        original='        ("rms_norm_eps", config.number("rms_norm_eps", 1e-6), EPSILON),\n',
        replacement="",
        test="tests/gpt2/exchange/test_config.py::test_what_no_option_is_llama",
    ),
    Mutant(
        mechanism="import: every difference is named",
        defect="the components are not compared",
        file=FIT,
        original="    found = _unequal(described, as_wide, ",
        replacement="    found = _unequal(described, as_wide, {} and ",
        test="tests/gpt2/exchange/test_fit.py::test_every_difference_is_named",
    ),
    Mutant(
        mechanism="import: before anything looks at the weights",
        defect="the scores of pruning begin at random weights",
        file="gpt2/trainers/base.py",
        original="        if initial is not None:\n            initial(self.model)\n",
        replacement="        self.initial = initial\n",
        test=f"{RUN_TESTS}::test_scores_remember_the_weights_that_came_in",
    ),
    Mutant(
        mechanism="import: a continued run does not look for the folder",
        defect="it reads it at every start",
        file="gpt2/trainers/resume.py",
        original="start_from == RESTART or (start_from == LATEST and not has_checkpoints)",
        replacement="start_from == RESTART or start_from == LATEST",
        test=f"{RUN_TESTS}::test_a_continued_run_does_not_look_for_the_folder",
    ),
    Mutant(
        mechanism="import: a continued run still says what it began with",
        defect="the next attempt forgets it",
        file="lib/runs.py",
        original='_KEPT_FACTS = ("init_from",)',
        replacement="_KEPT_FACTS = ()",
        test=f"{RUN_TESTS}::test_a_continued_run_does_not_look_for_the_folder",
    ),
    Mutant(
        mechanism="export: the version of transformers that reads the biases of LLaMA is written",
        defect="the one that reads rope_theta, which passes over them",
        file=CONFIG,
        original="return _LLAMA_WITH_BIASES_SINCE if shape.bias else _LLAMA_SINCE",
        replacement="return _LLAMA_SINCE",
        test="tests/gpt2/exchange/test_config.py::test_the_version_that_a_model_needs_is_written",
    ),
)
