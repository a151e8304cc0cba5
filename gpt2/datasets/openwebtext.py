"""OpenWebText (Gokaslan and Cohen 2019): the pages behind well-rated links, as GPT-2's WebText.

Validation is the head of the text, since a stream cannot be shuffled as a whole. nanoGPT holds out
0.05 % of the documents drawn at random, so losses on the two are close and not equal. The number
of tokens is nanoGPT's, with an end of text for each document.
"""

from gpt2.datasets.hub import HubCorpus
from gpt2.datasets.listing import Published

OPENWEBTEXT = HubCorpus(
    "OpenWebText, the open copy of GPT-2's training text; streamed",
    Published(
        repository="Skylion007/openwebtext",
        # Of parquet files; earlier ones are a script, which nobody runs any more.
        revision="79d93d786212f7344586290adb811d4ae6a1762c",
        licence="CC0 1.0",
        train="plain_text/train-*.parquet",
        validation=None,
        column="text",
        documents=8_013_769,
        tokens=9_040_017_095,
        # 80 files of some 303 MB.
        download_bytes=24_300_000_000,
        train_files=80,
    ),
)
