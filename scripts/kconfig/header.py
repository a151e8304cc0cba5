"""What the header of a defconfig says, compared with what it makes: runs, tokens, epochs, download.

One line of it is for the machine, and is written exactly so:

    # Plan: 8 runs; tokens each: 1,310,720,000; epochs: 14.6; download: 2.15 GB

Whoever loads a defconfig decides by that line, so it is computed here and only copied there. The
numbers of the words around it must agree with it as well. Neither prepares nor looks at data.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gpt2.budget import tokens_per_step, total_steps
from gpt2.dataset_choice import data_arguments
from gpt2.datasets import forecast_of
from gpt2.datasets.amount import parse_tokens
from gpt2.datasets.forecast import gigabytes
from lib.arms import run_settings
from lib.kconfig import Configuration
from scripts.matrix.expand import expand

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9}
_UNITS |= {" thousand": 10**3, " million": 10**6, " billion": 10**9}
# Where a header says "about", or rounds.
_TOLERANCE = 0.005


@dataclass(frozen=True)
class Facts:
    """What the runs of a defconfig come to."""

    arms: list[str]
    steps: set[int]
    context: set[int]
    step_tokens: set[int]
    run_tokens: set[int]
    """Empty where a run is counted in epochs of a text that nobody knows yet."""
    train_tokens: set[int]
    dataset_tokens: set[int]
    """What DATASET_TOKENS says; 0 is all there are."""
    epochs: set[float]
    download_bytes: int

    @property
    def line(self) -> str:
        """For the header."""
        tokens = _span([f"{number:,}" for number in sorted(self.run_tokens)])
        epochs = _span([_rounded(number) for number in sorted(self.epochs)])
        download = gigabytes(self.download_bytes) if self.download_bytes else "none"
        runs = "1 run" if len(self.arms) == 1 else f"{len(self.arms)} runs"
        return f"# Plan: {runs}; tokens each: {tokens}; epochs: {epochs}; download: {download}"


def facts(configuration: Configuration) -> Facts:
    """Raises ValueError for a configuration that makes no runs."""
    runs = expand(configuration).runs
    settings = [run_settings(run.configuration.typed()) for run in runs]
    # Runs may differ in their data: each is counted on its own, and each text is fetched once.
    data = [data_arguments(one) for one in settings]
    known = [forecast_of(**one) for one in data]
    lengths = [
        (total_steps(one, text.train_tokens), tokens_per_step(one), text.train_tokens)
        for one, text in zip(settings, known, strict=True)
    ]
    return Facts(
        arms=[run.arm for run in runs],
        steps={steps for steps, _, _ in lengths if steps is not None},
        context={one["BLOCK_SIZE"] for one in settings},
        step_tokens={tokens for _, tokens, _ in lengths},
        run_tokens={steps * tokens for steps, tokens, _ in lengths if steps is not None},
        train_tokens={text.train_tokens for text in known if text.train_tokens is not None},
        dataset_tokens={parse_tokens(one["DATASET_TOKENS"] or "0") for one in settings},
        epochs={
            steps * tokens / train
            for steps, tokens, train in lengths
            if steps is not None and train is not None
        },
        download_bytes=sum(
            {str(one): text.download_bytes for one, text in zip(data, known, strict=True)}.values()
        ),
    )


def complaints(header: Sequence[str], known: Facts) -> list[tuple[int, str, str]]:
    """Line, what is wrong, and the remedy, for a header's lines as they stand in the file."""
    found = []
    plans = [number for number, line in enumerate(header, 1) if line.startswith("# Plan:")]
    if not plans:
        found.append((0, "does not say what it will cost", f"write into its header: {known.line}"))
    for number in plans:
        if header[number - 1] != known.line or number != plans[0]:
            found.append((number, "does not say what the options make", f"write: {known.line}"))
    # Joined, since a sentence goes over several lines.
    words = [line.removeprefix("#").strip() for line in header if not line.startswith("# Plan:")]
    text = " ".join(words)
    runs = f"Runs ({len(known.arms)}): {'; '.join(known.arms)}"
    if f"{runs} " not in f"{text} ":
        found.append((0, "does not list its runs as they are", f"write: # {runs}"))
    found += [
        (0, f'its header says "{said}"', f"it is {truth}")
        for said, truth in _contradicted(text, known)
    ]
    return found


def _contradicted(text: str, known: Facts) -> Iterator[tuple[str, str]]:
    """Claims in words that the plan does not bear out, with what it says."""
    tokens = known.train_tokens | known.dataset_tokens
    tokens |= known.context | known.step_tokens | known.run_tokens
    for match in re.finditer(
        r"([0-9][0-9.,]*) ?([KMB]?| thousand| million| billion) (?:tokens|to train)\b", text
    ):
        if not _is_one_of(match[1], tokens, _UNITS[match[2]]):
            yield match[0], f"{_span([f'{number:,}' for number in sorted(tokens - {0})], ' or ')}"
    for match in re.finditer(r"([0-9][0-9.,]*) epochs\b", text):
        if not _is_one_of(match[1], known.epochs):
            yield match[0], _span([_rounded(number) for number in sorted(known.epochs)], " or ")
    for match in re.finditer(r"([0-9][0-9,]*) steps(?= of [0-9])", text):
        if not _is_one_of(match[1], known.steps):
            yield match[0], _span([f"{number:,}" for number in sorted(known.steps)], " or ")
    for match in re.finditer(r"download of ([0-9][0-9.,]*) ?([GM])B\b", text):
        if not _is_one_of(match[1], {known.download_bytes}, {"G": 10**9, "M": 10**6}[match[2]]):
            yield match[0], gigabytes(known.download_bytes)
    if re.search(r"\bno download\b", text) and known.download_bytes:
        yield "no download", gigabytes(known.download_bytes)


def _is_one_of(said: str, known: Iterable[float], unit: int = 1) -> bool:
    """Whether a written number is one of these, rounded to its digits or nearly."""
    digits = said.rstrip(".,").replace(",", "")
    decimals = len(digits.partition(".")[2])
    number = float(digits) * unit
    return any(
        abs(number - value) <= max(0.5001 * 10**-decimals * unit, _TOLERANCE * value)
        for value in known
    )


def _rounded(number: float) -> str:
    """Three digits, and none behind the point of hundreds."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _span(texts: list[str], joint: str = " to ") -> str:
    if not texts:
        return "unknown"
    return texts[0] if texts[0] == texts[-1] else f"{texts[0]}{joint}{texts[-1]}"
