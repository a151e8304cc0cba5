"""What preparations made below DATA_DIR, which may be shared and may hold the user's own texts.

A prepared folder is told by a manifest, a progress or a shard of ours in it, and bears the name of
its dataset; a folder that somebody copied under another name is theirs. The cache has no such mark:
others call folders so, so only downloads under the names that we give them are ours.
"""

from pathlib import Path

from gpt2.datasets import CORPORA
from gpt2.datasets.hub import HubCorpus
from gpt2.datasets.manifest import MANIFEST_NAME
from gpt2.datasets.resume import PROGRESS_NAME, SHARD_PATTERNS, is_ours, is_shard, read_json
from gpt2.datasets.shakespeare import TEXT
from gpt2.datasets.stamps import STAMPS_NAME
from gpt2.datasets.tokenizers import GPT2_MERGES
from lib.claims import LOCK_NAME, read_holder
from lib.made import Made, made_at

_NAMES = (MANIFEST_NAME, PROGRESS_NAME, STAMPS_NAME, *SHARD_PATTERNS)
_PREPARED = (*_NAMES, *(f".{name}.tmp-*" for name in _NAMES))
# What is no text and lies there too: weights of INIT_FROM, the questions of HellaSwag, kernels that
# were compiled, and the scratch folders of readers that were killed.
_OTHERS = (
    *("openai-community/*/model.safetensors", "hellaswag/hellaswag_val.jsonl"),
    *("inductor/*", "parquet-????????/*"),
)


def made_below(data_dir: Path) -> list[Made]:
    """All prepared datasets and downloads, sorted by name."""
    if not data_dir.is_dir():
        return []
    places = (_made(path) for path in sorted(data_dir.iterdir()) if path.is_dir())
    return [made for made in places if made is not None and made.files]


def _made(path: Path) -> Made | None:
    if path.name == "cache":
        target = made_at(path.resolve(), _cached(), _is_lock_of_ours)
        return made_at(path, _cached(), _is_lock_of_ours) if target.files else None
    return made_at(path, _PREPARED, _is_no_shard_of_others) if _is_prepared(path) else None


def _is_prepared(folder: Path) -> bool:
    """Whether this is a dataset of ours under the name that we gave it."""
    manifest = read_json(folder / MANIFEST_NAME)
    name = str(manifest.get("dataset", folder.name))
    return is_ours(folder) and (folder.name == name or folder.name.startswith(f"{name}-"))


def _is_no_shard_of_others(path: Path) -> bool:
    return path.suffix != ".bin" or path.is_symlink() or is_shard(path)


def _is_lock_of_ours(path: Path) -> bool:
    return path.name != LOCK_NAME or bool(read_holder(path.parent)) or path.lstat().st_size == 0


def _cached() -> tuple[str, ...]:
    names = [GPT2_MERGES.mirror_path, TEXT.mirror_path, *_OTHERS]
    for name, corpus in CORPORA.items():
        if isinstance(corpus, HubCorpus):
            published = corpus.published
            splits = (published.train, published.validation)
            names += [f"{name}/{pattern}" for pattern in splits if pattern is not None]
    return (LOCK_NAME, *names, *(f"{name}.part" for name in names))
