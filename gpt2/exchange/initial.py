"""INIT_FROM: a run begins with weights of transformers instead of random ones.

Everything that can be refused without reading a tensor is refused before the model is built. A run
that is continued has its weights in its checkpoint, and the folder may be gone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gpt2.datasets.manifest import Manifest
from gpt2.exchange.config import Described
from gpt2.exchange.errors import CORRUPT, USAGE, ExchangeError, printable
from gpt2.exchange.fit import check_fit
from gpt2.exchange.folder import Weights, open_folder
from gpt2.exchange.layouts import HEAD, Pair
from gpt2.exchange.published import PUBLISHED, check_tokenizer, fetch_published
from gpt2.exchange.source import described_source
from gpt2.model import GPT
from gpt2.shape import Shape, shape_of
from lib.cli import ROOT


@dataclass(frozen=True)
class Initial:
    """Weights that fit a model; calling it gives them to one."""

    source: str
    weights: Weights
    pairs: list[Pair]
    named: dict[str, str]
    """The names of the file, by the names of the layout, of all that is read."""

    @torch.no_grad()
    def __call__(self, model: GPT) -> None:
        """Replace every parameter. Raises ExchangeError for values that no model of this kind has;
        then the model is not to be used."""
        parameters = dict(model.named_parameters())
        with self.weights:
            for pair in self.pairs:
                value = torch.cat([self._read(name) for name in pair.theirs])
                value = value.T if pair.is_transposed else value
                if pair.is_here:
                    parameter = parameters.pop(pair.ours)
                    # Of learned positions the first, where the file has more.
                    parameter.copy_(value[: len(parameter)])
                elif value.count_nonzero():
                    raise self._unusable(pair)
            if HEAD in self.named:
                self._check_tied_head(model)
        assert not parameters, parameters.keys()

    def described(self) -> dict[str, Any]:
        """Which weights they are, for run.json."""
        return {
            "source": self.source,
            "sha256": self.weights.sha256,
            "files": self.weights.digests,
        }

    def _read(self, name: str) -> Tensor:
        return self.weights.read(self.named[name])

    def _check_tied_head(self, model: GPT) -> None:
        """A head that is stored although it is tied must be what it is tied to."""
        if not torch.equal(self._read(HEAD), model.head.weight):
            raise ExchangeError(
                f"INIT_FROM={self.source} has a head that is not its token embedding, though its "
                "config.json ties them. Mend tie_word_embeddings there and set WEIGHT_TYING=n.",
                CORRUPT,
            )

    def _unusable(self, pair: Pair) -> ExchangeError:
        option = "BIAS=y" if "norm" not in pair.ours else "NORMALIZATION=layernorm"
        return ExchangeError(
            f"INIT_FROM={self.source} has a bias that is not zero, {pair.theirs[0]}, and the "
            f"options describe a model without. Set {option}.",
            USAGE,
        )


def initial_weights(
    settings: Mapping[str, Any], manifest: Manifest, say: Callable[[str], None]
) -> Initial | None:
    """What INIT_FROM names, found to fit the model of these settings; None where it is empty.

    manifest: of the dataset. Raises ExchangeError, or DataError where a file cannot be had.
    """
    source: str = settings["INIT_FROM"]
    if not source:
        return None
    if source in PUBLISHED:
        check_tokenizer(source, manifest.tokenizer.name, settings["DATASET"])
    shape = shape_of(settings, manifest.vocab_size)
    found = described_source(source)
    check_fit(source, found, shape, settings, manifest.vocab_size)
    if source in PUBLISHED:
        path, sha256 = fetch_published(source, settings, say)
        weights = Weights([path], {path.name: sha256})
    else:
        weights = open_folder(ROOT / source)
    say(f"beginning with the weights of {source} (SHA-256 {weights.sha256[:8]}...)")
    return matched(source, weights, found, shape)


def matched(source: str, weights: Weights, found: Described, shape: Shape) -> Initial:
    """Raises ExchangeError unless the files hold the tensors of this shape, and no others."""
    layout = found.layout
    pairs = layout.pairs(shape, found.positions)
    sizes = {n: size for pair in pairs for n, size in zip(pair.theirs, pair.shapes, strict=True)}
    if shape.weight_tying:
        sizes[HEAD] = (shape.vocab_size, shape.n_embd)
    there = weights.names()
    has_prefix = any(name.startswith(layout.prefix) for name in there)
    # By the names of the layout; files of the model without its head leave the prefix out.
    named = {
        name if has_prefix or name == HEAD else layout.prefix + name: name for name in sorted(there)
    }
    problems = []
    for name, size in sizes.items():
        if name not in named:
            if name != HEAD or not shape.weight_tying:
                problems.append(f"it has no {name}")
        elif weights.shape(named[name]) != size:
            shapes = [" x ".join(map(str, s)) for s in (weights.shape(named[name]), size)]
            problems.append(f"{name} is {shapes[0]} where config.json makes it {shapes[1]}")
    for name in named.keys() - sizes.keys():
        if not layout.ignored.fullmatch(name.removeprefix(layout.prefix)):
            problems.append(f"nothing here is called {printable(name)}")
    if problems:
        more = f", and {len(problems) - 3} more" if len(problems) > 3 else ""
        with weights:
            raise ExchangeError(
                f"The files of INIT_FROM={source} are not those of a {layout.model_class}: "
                f"{'; '.join(sorted(problems)[:3])}{more}. Save the model again, or take another.",
                CORRUPT,
            )
    return Initial(source, weights, pairs, {name: named[name] for name in sizes if name in named})
