"""WikiText-103 (Merity et al. 2016): good and featured articles of Wikipedia, raw, 103M words.

Validation is the split that was published, 60 articles. The test split is left alone. The number
of tokens is an estimate from 541 MB of text.
"""

from gpt2.datasets.hub import HubCorpus
from gpt2.datasets.listing import Published, Remote

_FOLDER = "wikitext-103-raw-v1"

WIKITEXT = HubCorpus(
    "WikiText-103, raw: good articles of Wikipedia; streamed",
    Published(
        repository="Salesforce/wikitext",
        revision="b08601e04326c79dfdd32d625aee71d232d685c3",
        licence="CC BY-SA 3.0 and GFDL",
        train=f"{_FOLDER}/train-*.parquet",
        validation=f"{_FOLDER}/validation-*.parquet",
        column="text",
        documents=28_475,
        tokens=118_000_000,
        download_bytes=314_733_787,
        train_files=2,
        files=(
            Remote(
                f"{_FOLDER}/train-00000-of-00002.parquet",
                156_987_808,
                "74da360f23826045b3e6ac6375411fdb15f003030aa74f2596ed08b857cb9212",
            ),
            Remote(
                f"{_FOLDER}/train-00001-of-00002.parquet",
                157_088_770,
                "ba090ac30dbf5461e8dcbdd1a1b8e6f3cf9c2c756d64f0c1220450acd514f720",
            ),
            Remote(
                f"{_FOLDER}/validation-00000-of-00001.parquet",
                657_209,
                "204929b7ff9d6184953f867dedb860e40aa69c078fc1e54b3baaa8fb28511c4c",
            ),
        ),
        is_articles=True,
    ),
)
