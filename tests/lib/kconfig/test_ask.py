import pytest

from lib.kconfig.ask import InputEnded, ask


class Dialogue:
    """Scripted answers by symbol or choice; everything else gets an empty line."""

    def __init__(self, **answers):
        self.answers = {name: list(lines) for name, lines in answers.items()}
        self.asked: list[str] = []
        self.said: list[str] = []

    def read(self, prompt: str) -> str:
        name = self.said[-1] if prompt.startswith("1 to ") else prompt
        title = next(
            line for line in reversed([*self.said, name]) if "(" in line and line[0].isalpha()
        )
        asked = title[title.rindex("(") + 1 : title.rindex(")")]
        self.asked.append(asked)
        waiting = self.answers.get(asked)
        return waiting.pop(0) if waiting else ""

    def write(self, text: str) -> None:
        self.said.append(text)


def everything(tree):
    return {name for name, symbol in tree.symbols.items() if symbol.prompt}


def test_empty_answers_keep_everything(tree):
    dialogue = Dialogue()
    configuration = ask(tree.resolve([]), set(), dialogue.read, dialogue.write)
    assert configuration.typed() == tree.resolve([]).typed()
    assert dialogue.asked[:3] == ["MODEL", "BIAS", "DROPOUT"]
    assert dialogue.asked.count("DEVICE") == 1
    assert "PRUNING" not in dialogue.asked
    assert "N_LAYER" not in dialogue.asked


def test_only_what_is_new_is_asked(tree):
    dialogue = Dialogue(SEED=["42"])
    known = everything(tree) - {"SEED", "DEVICE_CUDA"}
    configuration = ask(tree.resolve([]), known, dialogue.read, dialogue.write)
    assert dialogue.asked == ["SEED", "DEVICE"]
    assert configuration.typed().SEED == 42


def test_answers_bring_up_further_questions(tree):
    dialogue = Dialogue(MODEL=["custom"], N_LAYER=["3"], DEVICE=["3"], BIAS=["N"])
    configuration = ask(tree.resolve([]), set(), dialogue.read, dialogue.write)
    config = configuration.typed()
    assert (config.MODEL, config.N_LAYER, config.DEVICE, config.BIAS) == (
        "custom",
        3,
        "cuda",
        False,
    )
    assert dialogue.asked.count("TF32") == 1


def test_a_refused_answer_is_explained_and_asked_again(tree):
    dialogue = Dialogue(MAX_ITERS=["0", "abc", "20"], DEVICE=["9", "tpu", "CPU"])
    configuration = ask(tree.resolve([]), set(), dialogue.read, dialogue.write)
    assert configuration.typed().MAX_ITERS == 20
    assert configuration.typed().DEVICE == "cpu"
    said = "\n".join(dialogue.said)
    assert "MAX_ITERS=0 is outside 1 to 100" in said
    assert "MAX_ITERS=abc is no whole decimal number" in said
    assert "DEVICE=tpu is no value" in said


def test_a_question_mark_explains(tree):
    dialogue = Dialogue(DROPOUT=["?"], DEVICE=["?"])
    ask(tree.resolve([]), set(), dialogue.read, dialogue.write)
    said = "\n".join(dialogue.said)
    assert "Share of what is dropped." in said
    assert "choice, one member" in said


def test_the_end_of_input_names_the_open_question(tree):
    def read(prompt: str) -> str:
        raise EOFError

    with pytest.raises(InputEnded, match="MODEL"):
        ask(tree.resolve([]), set(), read, print)
