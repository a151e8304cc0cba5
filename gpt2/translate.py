"""A command line of gpt2/train.py as earlier systems would have it, in the options of this one.

Renamed options are the business of lib/kconfig/aliases.py, which serves Make as well. Here is what
needs the whole line: files of settings that stand on it, options that say what two of ours say
together, options without a meaning, and what is not built. The tables: lib/kconfig/earlier.py.
"""

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from lib.arms import COMPONENTS
from lib.kconfig.aliases import ALIASES, BOOLS
from lib.kconfig.earlier import FILES, IDLE, MISSING, SAME, SEVERAL_PROCESSES, Missing

PROGRAM = "python gpt2/train.py"

# Options of the program itself that take no value.
FLAGS = ("--dry-run", "--ablation-mode", "--restart", "--list-checkpoints", "--help")

PATIENCE_S = 5.0

# Options that say several of ours together, with those that they decide.
DECIDED_BY = {
    "TOTAL_BATCH_SIZE": ("GRADIENT_ACCUMULATION",),
    "STEPS_PER_EPOCH": ("MAX_ITERS", "NUM_EPOCHS"),
    "LEARNING_RATE_DECAY_FRAC": ("MIN_LR",),
    "EVAL_ITERS": ("EVAL_SAMPLES",),
}

SIZES = ("N_LAYER", "N_HEAD", "N_EMBD")

Settled = Callable[[Mapping[str, str]], Mapping[str, Any]]
"""The typed values of the present configuration with some options on top."""


@dataclass(frozen=True)
class Word:
    """An option of the line with its value, a file of settings, or what is neither."""

    typed: tuple[str, ...]
    """As it stands on the line."""
    name: str = ""
    """The symbol, or what would be one; "" where it is no option."""
    value: str = "y"
    file: str = ""
    """The name of a file of settings, without its suffix."""

    @property
    def is_no(self) -> bool:
        return BOOLS.get(self.value.lower(), self.value) == "n"

    @property
    def shown(self) -> str:
        return self.typed[0].partition("=")[0]


def words_of(arguments: Sequence[str]) -> list[Word]:
    """The line, taken apart as lib/kconfig/overrides.py and the parser of the program do."""
    words: list[Word] = []
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("--"):
            is_file = argument.endswith(".py") or _file(argument) in FILES
            words.append(Word((argument,), file=_file(argument) if is_file else ""))
            continue
        option, equals, value = argument.partition("=")
        typed = [argument]
        if not equals and option.replace("_", "-") in FLAGS:
            words.append(Word((argument,)))
            continue
        is_value = bool(rest) and not rest[0].startswith("--") and _file(rest[0]) not in FILES
        if not equals and is_value:
            value = rest.pop(0)
            typed.append(value)
        elif not equals:
            value = "y"
        name = option.removeprefix("--").upper().replace("-", "_")
        name = SAME.get(name) or ALIASES.get(name, name)
        if not equals and len(typed) == 1 and name.startswith("NO_"):
            name, value = name.removeprefix("NO_"), "n"
        words.append(Word(tuple(typed), name, value))
    return words


def _file(argument: str) -> str:
    """The name by which FILES would know it."""
    return PurePath(argument).name.removesuffix(".py")


def line_of(words: Sequence[Word]) -> str:
    """The command to type."""
    return shlex.join([*PROGRAM.split(), *(text for word in words for text in word.typed)])


def translate(arguments: Sequence[str], settled: Settled) -> tuple[list[str], list[str]]:
    """The line in our options, and a sentence for each thing that it says otherwise.

    Raises ValueError, with the line to type, for what is not built and for files that are unknown.
    """
    words = words_of(arguments)
    _refuse_missing(words)
    notes: list[str] = []
    words = _resume(_leave_out(words, notes), notes)
    words = _files(words, settled, notes)
    words = _sums(words, settled, notes)
    words = _custom_sizes(words, settled, notes)
    return [text for word in words for text in word.typed], notes


def refuse_several_processes(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    """Raise ValueError under torchrun and its like, with the line for one process."""
    if not environ.get("RANK") or environ.get("WORLD_SIZE", "1") in ("", "0", "1"):
        return
    if environ["RANK"] != "0":
        # The launcher ends the others when the first has refused, so that one speaks for all.
        time.sleep(PATIENCE_S)
    asked = f"WORLD_SIZE={environ['WORLD_SIZE']}"
    raise ValueError(_refusal(SEVERAL_PROCESSES, asked, words_of(arguments)))


def _asks(word: Word, missing: Missing) -> bool:
    values = missing.asked_by.get(word.name)
    return values is not None and (not values or word.value.lower() in values)


def _refuse_missing(words: Sequence[Word]) -> None:
    for missing in MISSING:
        asked = [word.shown for word in words if _asks(word, missing) and not word.is_no]
        if asked:
            raise ValueError(_refusal(missing, " ".join(asked), words))


def _refusal(missing: Missing, asked: str, words: Sequence[Word]) -> str:
    """The sentence, with a line that has nothing else that is missing either."""
    rest = [word for word in words if not any(_asks(word, each) for each in MISSING)]
    for each in MISSING:
        if any(_asks(word, each) and not word.is_no for word in words):
            rest += [Word((text,)) for text in each.instead]
    return f"{asked}: {missing.what} is not built yet; {missing.answer}. Type `{line_of(rest)}`."


def _leave_out(words: Sequence[Word], notes: list[str]) -> list[Word]:
    kept = []
    for word in words:
        reason = IDLE.get(word.name)
        if word.is_no and any(_asks(word, missing) for missing in MISSING):
            reason = "it is off here in any case"
        if reason is None:
            kept.append(word)
        else:
            notes.append(f"{' '.join(word.typed)} is left out: {reason}.")
    return kept


def _resume(words: Sequence[Word], notes: list[str]) -> list[Word]:
    """nanoGPT's --init_from=resume is --resume."""
    found = []
    for word in words:
        if word.name == "INIT_FROM" and word.value == "resume":
            notes.append(f"{' '.join(word.typed)} is --resume latest here.")
            word = Word(("--resume", "latest"))
        found.append(word)
    return found


def _files(words: Sequence[Word], settled: Settled, notes: list[str]) -> list[Word]:
    """Files of settings become options, before those of the line, which come after them."""
    typed = [word for word in words if not word.file]
    own = {word.name: word.value for word in typed if word.name}
    for name in set(own) & set(DECIDED_BY):
        own |= {decided: own.get(decided, "") for decided in DECIDED_BY[name]}
    options: dict[str, str] = {}
    for word in words:
        if not word.file:
            continue
        if word.file not in FILES:
            raise ValueError(
                f"{word.typed[0]} is no file of settings that is known here: a configuration is a "
                f"defconfig (`make list-defconfigs`). Known are {', '.join(FILES)}."
            )
        file = _with_components(FILES[word.file], own, settled)
        options = {name: value for name, value in (options | file).items() if name not in own}
        _shorten(options, file, own)
        listed = " ".join(f"{name}={value}" for name, value in options.items())
        notes.append(f"{word.typed[0]} is here: {listed}")
    return [Word((f"--{_dashed(n)}={v}",), n, v) for n, v in options.items()] + typed


def _with_components(
    file: Mapping[str, str], own: Mapping[str, str], settled: Settled
) -> Mapping[str, str]:
    """A file's options with each component named where they are no preset: those of the present
    configuration shall not remain."""
    preset = file["ARCH_PRESET"]
    if preset != "custom" and not set(own) & set(COMPONENTS) - {"ATTENTION_BACKEND"}:
        return file
    if own.get("ARCH_PRESET", "custom").lower() != "custom":
        return file
    # A preset with one component changed is where the others begin.
    base = file["ARCH_BASE"] if preset == "custom" else preset
    base = own.get("ARCH_BASE", {"team": "llama"}.get(base, base))
    settings = settled({"ARCHITECTURE": "vanilla", "ARCH_PRESET": base})
    whole = {name: _text(settings[name]) for name in COMPONENTS if settings[name] is not None}
    whole |= {name: value for name, value in file.items() if name in COMPONENTS}
    if (whole | own)["FFN_TYPE"].lower() == "swiglu":
        # It brings its own.
        whole.pop("ACTIVATION", None)
    return {**file, "ARCH_PRESET": "custom", "ARCH_BASE": base, **whole}


def _text(value: Any) -> str:
    return {True: "y", False: "n"}[value] if isinstance(value, bool) else str(value)


def _shorten(options: dict[str, str], file: Mapping[str, str], own: Mapping[str, str]) -> None:
    """A run that the line makes shorter keeps the shape that the file gives it."""
    steps = own.get("MAX_ITERS", "")
    if "WARMUP_STEPS" in options and steps.isdecimal():
        options["WARMUP_STEPS"] = str(
            int(steps) * int(file["WARMUP_STEPS"]) // int(file["MAX_ITERS"])
        )
    if own.get("NUM_EPOCHS", "0") != "0":
        options.pop("MAX_ITERS", None)


def _sums(words: Sequence[Word], settled: Settled, notes: list[str]) -> list[Word]:
    """Options that say what several of ours say together."""
    own = {word.name: word.value for word in words if word.name}
    found: list[Word] = []
    for word in words:
        said: dict[str, str] | None = None
        if word.name == "TOTAL_BATCH_SIZE":
            said = _accumulation(word, words, own, settled)
        elif word.name == "STEPS_PER_EPOCH":
            epochs = _whole("NUM_EPOCHS", own.get("NUM_EPOCHS", "1"))
            steps = epochs * _whole(word.name, word.value)
            said = {"NUM_EPOCHS": "0", "MAX_ITERS": str(steps)}
            found = [other for other in found if other.name != "NUM_EPOCHS"]
        elif word.name == "NUM_EPOCHS" and "STEPS_PER_EPOCH" in own:
            continue
        elif word.name == "LEARNING_RATE_DECAY_FRAC":
            said = {"MIN_LR": _share(word, _value("LEARNING_RATE", own, settled))}
        elif word.name == "EVAL_ITERS":
            windows = _whole(word.name, word.value) * _number("BATCH_SIZE", own, settled)
            said = {"EVAL_SAMPLES": str(windows)}
        elif word.name == "LR_DECAY_ITERS":
            said = _decay(word, words, own, settled)
        if said is None:
            found.append(word)
            continue
        listed = " ".join(f"{name}={value}" for name, value in said.items())
        notes.append(f"{' '.join(word.typed)} is {listed or 'what every run does'} here.")
        found += [Word((f"--{_dashed(n)}={v}",), n, v) for n, v in said.items()]
    return found


def _accumulation(
    word: Word, words: Sequence[Word], own: Mapping[str, str], settled: Settled
) -> dict[str, str]:
    """Tokens of a step as micro-batches. Raises ValueError where they are no whole number."""
    micro_batch = _number("BATCH_SIZE", own, settled)
    context = _number("BLOCK_SIZE", own, settled)
    tokens = _whole(word.name, word.value)
    number, rest = divmod(tokens, micro_batch * context)
    if rest or not number:
        nearest = max(1, round(tokens / (micro_batch * context)))
        mended = Word((f"--gradient-accumulation={nearest}",))
        line = [mended if other is word else other for other in words]
        raise ValueError(
            f"{' '.join(word.typed)}: the tokens of a step are no multiple of the {micro_batch} x "
            f"{context} tokens of a micro-batch. The nearest is {nearest * micro_batch * context}: "
            f"type `{line_of(line)}`."
        )
    return {"GRADIENT_ACCUMULATION": str(number)}


def _decay(
    word: Word, words: Sequence[Word], own: Mapping[str, str], settled: Settled
) -> dict[str, str]:
    """The learning rate reaches its end at the last step. Raises ValueError for another one."""
    if word.value != _value("MAX_ITERS", own, settled):
        rest = [other for other in words if other is not word]
        raise ValueError(
            f"{' '.join(word.typed)}: the learning rate reaches MIN_LR at the last step here, "
            f"whatever their number. Type `{line_of(rest)}`."
        )
    return {}


def _custom_sizes(words: list[Word], settled: Settled, notes: list[str]) -> list[Word]:
    """Sizes other than those of the chosen model are MODEL=custom."""
    sizes = {word.name: word.value for word in words if word.name in SIZES}
    model = next((word for word in words if word.name == "MODEL"), None)
    if not sizes or (model is not None and model.value.lower() == "custom"):
        return words
    chosen = settled({} if model is None else {"MODEL": model.value})
    present = {name: str(chosen[name]) for name in SIZES}
    kept = [word for word in words if word.name not in SIZES]
    if present | sizes == present:
        # As the model has them.
        return kept
    if chosen["MODEL"] == "custom":
        return words
    said = {"MODEL": "custom", **present, **sizes}
    notes.append(f"{' '.join(f'{name}={value}' for name, value in said.items())}: other sizes.")
    kept = [word for word in kept if word.name != "MODEL"]
    return [Word((f"--{_dashed(n)}={v}",), n, v) for n, v in said.items()] + kept


def _value(name: str, own: Mapping[str, str], settled: Settled) -> str:
    """An option of the line or, where that does not have it, of the configuration."""
    return own[name] if name in own else str(settled({})[name])


def _number(name: str, own: Mapping[str, str], settled: Settled) -> int:
    return _whole(name, _value(name, own, settled))


def _whole(name: str, text: str) -> int:
    """Raises ValueError for what is no whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"--{_dashed(name)}={text} is no whole number above 0.")
    return int(text)


def _share(word: Word, whole: str) -> str:
    """Raises ValueError where the word is no share."""
    try:
        return f"{float(word.value) * float(whole):g}"
    except ValueError:
        raise ValueError(f"{' '.join(word.typed)} is no share, such as 0.1.") from None


def _dashed(name: str) -> str:
    return name.lower().replace("_", "-")
