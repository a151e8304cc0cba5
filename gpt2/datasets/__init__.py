"""Datasets: prepared once into token files with a manifest, then read through memory maps.

    DATA_DIR/<dataset>/train-00000.bin  validation-00000.bin  manifest.json
    DATA_DIR/cache/                     downloads: small ones are kept, those of streamed corpora
                                        go when they are tokenised

A new corpus is one file here, one line in CORPORA, one Kconfig symbol DATASET_<NAME>, one test.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gpt2.datasets.build import build_dataset, tidy
from gpt2.datasets.corpus import Corpus, Forecast, Request
from gpt2.datasets.custom import Custom
from gpt2.datasets.download import Progress
from gpt2.datasets.errors import USAGE, DataError, writing_failed
from gpt2.datasets.finewebedu import FINEWEBEDU
from gpt2.datasets.manifest import Manifest, read_manifest
from gpt2.datasets.openwebtext import OPENWEBTEXT
from gpt2.datasets.pystdlib import PyStdlib
from gpt2.datasets.sampler import TrainSampler, ValidationWindows
from gpt2.datasets.shakespeare import Shakespeare
from gpt2.datasets.shards import Dataset, TokenStream, open_dataset, verify
from gpt2.datasets.tinystories import TINYSTORIES
from gpt2.datasets.wikitext import WIKITEXT
from lib.claims import Held, claim

__all__ = [
    "CORPORA",
    "DataError",
    "Dataset",
    "Forecast",
    "Manifest",
    "TokenStream",
    "TrainSampler",
    "ValidationWindows",
    "dataset_folder",
    "forecast_of",
    "open_dataset",
    "prepare",
    "read_manifest",
    "verify",
]

CORPORA: dict[str, Corpus] = {
    "pystdlib": PyStdlib(),
    "shakespeare": Shakespeare(by_character=False),
    "shakespeare-char": Shakespeare(by_character=True),
    "finewebedu": FINEWEBEDU,
    "openwebtext": OPENWEBTEXT,
    "tinystories": TINYSTORIES,
    "wikitext": WIKITEXT,
    "custom": Custom(),
}


def dataset_folder(
    dataset: str,
    data_dir: Path,
    custom_path: str | None,
    custom_tokenizer: str | None,
    **options: Any,
) -> Path:
    """Where the prepared dataset is, or would be; the arguments are the fields of Request.

    Raises DataError for an unknown name and for options that make no dataset.
    """
    request = Request(dataset, data_dir, "", custom_path, custom_tokenizer, **options)
    return data_dir / _corpus(dataset).folder_name(request)


def forecast_of(
    dataset: str,
    data_dir: Path,
    custom_path: str | None,
    custom_tokenizer: str | None,
    **options: Any,
) -> Forecast:
    """What is known of a dataset before it is prepared; the arguments are the fields of Request.

    Raises DataError for an unknown name and for options that make no dataset.
    """
    request = Request(dataset, data_dir, "", custom_path, custom_tokenizer, **options)
    return _corpus(dataset).forecast(request)


def prepare(
    dataset: str,
    data_dir: Path,
    mirror: str,
    custom_path: str | None,
    custom_tokenizer: str | None,
    progress: Progress,
    **options: Any,
) -> Manifest:
    """Make a dataset unless it is there and intact; the arguments are the fields of Request.

    `progress` receives lines for people. A second process that prepares into the same `data_dir`
    waits for the first. Raises DataError.
    """
    request = Request(dataset, data_dir, mirror, custom_path, custom_tokenizer, **options)
    corpus = _corpus(dataset)
    folder = data_dir / corpus.folder_name(request)
    manifest = _intact(folder, dataset, progress)
    if manifest is None:
        with _alone(request.cache, progress):
            # Whoever held the cache may have made just this.
            manifest = _intact(folder, dataset, progress)
            if manifest is None:
                return build_dataset(folder, dataset, corpus.load(request, progress), progress)
    tidy(folder)
    corpus.check(manifest, request, progress)
    return manifest


def _intact(folder: Path, dataset: str, progress: Progress) -> Manifest | None:
    """The manifest if the folder is prepared, is this dataset, and passes the quick checks."""
    try:
        if read_manifest(folder) is None:
            return None
        manifest = open_dataset(folder).manifest
    except DataError as error:
        progress(f"{error} This is done now.")
        return None
    if manifest.dataset != dataset:
        progress(f"{folder} holds {manifest.dataset}; {dataset} is prepared in its place")
        return None
    return manifest


def _corpus(name: str) -> Corpus:
    if name not in CORPORA:
        raise DataError(f"DATASET={name} is unknown. Choose one of {', '.join(CORPORA)}.", USAGE)
    return CORPORA[name]


@contextmanager
def _alone(cache: Path, progress: Progress) -> Iterator[None]:
    """Hold the cache folder, waiting for whoever has it: two corpora share downloads."""
    with ExitStack() as held:
        try:
            held.enter_context(claim(cache))
        except Held as error:
            progress(f"waiting: {error}")
            held.enter_context(claim(cache, wait=True))
        except OSError as error:
            raise writing_failed(error, cache, 0) from error
        yield
