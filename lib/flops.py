"""FLOPs per token: what a model costs, by part, and what each published convention makes of it.

A multiplication and its addition count as two. A forward pass costs two FLOPs for every weight of
a matrix that multiplies the token, and the attention; a backward pass twice that again, so every
convention here trains at three times its forward figure. GPT-2 124M (vocabulary 50304, T = 1024)
in GFLOP per trained token: blocks 0.5096, head 0.2318, attention 0.1132, together 0.8547.

What is ranked is `exact`: the products that the kernels compute, as torch's own counter finds them.
Published figures mostly use the PaLM convention (Chowdhery et al. 2022, appendix B),
6 N + 12 L H Q T: N every parameter once but the position embedding, attention in full. PaLM and
nanoGPT tie the head to the token embedding; there the convention exceeds the products by 0.085 % at
124M, since biases and norms are in N. In a model with a head of its own N also has the token
embedding, a table that is looked up and multiplies nothing: 27 % too much at 124M, 88 % for two
layers of width 256. An MFU means nothing without the name of its convention.

Elementwise work (norms, GELU, softmax, rotary positions) is in none of them. Recomputing
activations is not counted either: it is work of the method, not of the model.

Knows no torch; gpt2/cost.py counts the parts of a live module.
"""

from collections.abc import Callable
from dataclasses import dataclass

# A forward pass, and a backward pass of twice its work: towards the inputs, towards the weights.
TRAINING = 3


@dataclass(frozen=True)
class AttentionShape:
    """What one attention layer multiplies at each pair of positions.

    Heads that share keys and values (grouped queries) share projections, not this work: `heads`
    counts queries.
    """

    heads: int
    score_size: int
    """Channels of a query, and of the key that it meets."""
    value_size: int

    def forward(self, length: int) -> int:
        """FLOPs per token: scores and mixture over `length` positions, causality not used."""
        return 2 * self.heads * (self.score_size + self.value_size) * length


@dataclass(frozen=True)
class ModelFlops:
    """The cost of one token in a sequence of `length`, forward, by part; and the parameters that
    the conventions count instead."""

    length: int
    attention_projections: int
    feed_forward: int
    head: int
    attention: int
    """Scores and mixture in full: each position against all `length`."""
    parameters: int
    """Every one, each once."""
    position_parameters: int
    """Of them the position embedding: a table look-up, no multiplication."""
    table_parameters: int
    """Of them all that are only looked up: the positions, and an untied token embedding."""

    @property
    def block_matmuls(self) -> int:
        return self.attention_projections + self.feed_forward

    @property
    def attention_to_feed_forward(self) -> float:
        """Work of the attention layers, projections and full scores, over the feed-forward's."""
        return (self.attention_projections + self.attention) / self.feed_forward

    def forward(self, convention: str) -> int:
        """FLOPs per token of a forward pass alone: inference, or an evaluation."""
        return CONVENTIONS[convention].forward(self)

    def training(self, convention: str) -> int:
        """FLOPs per token of forward and backward."""
        return TRAINING * self.forward(convention)

    def useful(self, convention: str, zero_weights: int) -> int:
        """As `training`, without the products of so many matrix weights that are zero.

        A dense kernel does that work all the same: this is never what an MFU is made of.
        """
        return self.training(convention) - TRAINING * 2 * zero_weights


@dataclass(frozen=True)
class Convention:
    """One way to count: FLOPs per token of a forward pass."""

    formula: str
    """Of training. L layers, H heads of size Q, T positions, C channels, N parameters."""
    used_by: str
    forward: Callable[[ModelFlops], int]


PALM = "palm"
EXACT = "exact"
CAUSAL = "exact-causal"

CONVENTIONS = {
    PALM: Convention(
        "6 (N - positions) + 12 LHQT",
        "PaLM, nanoGPT, both of which tie the head",
        lambda m: 2 * (m.parameters - m.position_parameters) + m.attention,
    ),
    EXACT: Convention(
        "6 (block matrices + head) + 12 LHQT",
        "what is ranked here: what the kernels multiply",
        lambda m: m.block_matmuls + m.head + m.attention,
    ),
    CAUSAL: Convention(
        "6 (block matrices + head) + 6 LHQT",
        "the work that a causal model really needs",
        lambda m: m.block_matmuls + m.head + m.attention // 2,
    ),
    "torchtitan": Convention(
        "6 (N - tables) + 12 LHQT",
        "torchtitan",
        lambda m: 2 * (m.parameters - m.table_parameters) + m.attention,
    ),
    "picotron": Convention(
        "6 N + 12 LHQT",
        "picotron",
        lambda m: 2 * m.parameters + m.attention,
    ),
    "llm.c": Convention(
        "6 N + 6 LCT",
        "llm.c",
        lambda m: 2 * m.parameters + m.attention // 2,
    ),
    "chinchilla": Convention(
        "6 (N - positions)",
        "scaling laws",
        lambda m: 2 * (m.parameters - m.position_parameters),
    ),
}

# What MFU, TFLOP/s and shares are made of. Two runs that compute the same products at the same
# speed must read the same, whatever parameters lie beside the products.
RANKED = EXACT

# What a run states beside its speed; the others are for comparing with somebody else's figure.
STATED = (RANKED, CAUSAL, PALM)
