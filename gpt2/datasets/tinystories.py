"""TinyStories (Eldan and Li 2023): stories that a child of four understands, made by GPT-3.5 and 4.

Validation is the split that was published, 21,990 stories. The number of tokens is an estimate
from 1.92 GB of text.
"""

from gpt2.datasets.hub import HubCorpus
from gpt2.datasets.listing import Published

TINYSTORIES = HubCorpus(
    "TinyStories, short tales in simple words; streamed",
    Published(
        repository="roneneldan/TinyStories",
        revision="f54c09fd23315a6f9c86f9dc80f725de7d8f9c64",
        licence="CDLA-Sharing 1.0",
        train="data/train-*.parquet",
        validation="data/validation-*.parquet",
        column="text",
        documents=2_119_719,
        tokens=470_000_000,
        download_bytes=1_000_775_442,
        train_files=4,
    ),
)
