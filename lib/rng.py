"""One seed, several independent random streams. Knows no torch.

Each use of randomness draws from a stream of its own, so that adding a draw to one (a pruning
tie-break, a dropout layer) moves no other: arms with the same seed keep the same initial weights
and the same batches.
"""

import hashlib

STREAMS = ("init", "data", "dropout", "pruning", "density", "sample")


def stream_seed(seed: int, stream: str, member: str = "") -> int:
    """A seed in [0, 2^63) for one of STREAMS; other streams and seeds give unrelated numbers.

    member: of a stream that has many, such as the name of a parameter.
    """
    assert stream in STREAMS, stream
    text = f"{stream}:{seed}:{member}" if member else f"{stream}:{seed}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
