"""One seed, several independent random streams. Knows no torch.

Each use of randomness draws from a stream of its own, so that adding a draw to one (a pruning
tie-break, a dropout layer) moves no other: arms with the same seed keep the same initial weights
and the same batches.
"""

import hashlib

STREAMS = ("init", "data", "dropout", "pruning", "density", "sample")


def stream_seed(seed: int, stream: str) -> int:
    """A seed in [0, 2^63) for one of STREAMS; other streams and seeds give unrelated numbers."""
    assert stream in STREAMS, stream
    digest = hashlib.sha256(f"{stream}:{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
