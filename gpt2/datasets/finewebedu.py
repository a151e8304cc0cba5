"""FineWeb-Edu (Penedo et al. 2024), the sample of 10 billion tokens: web pages that teach.

The sizes and digests are those that the Hub states for the files of the commit. Validation is the
head of the sample, as in build-nanogpt, whose first shard begins with the same tokens.
"""

from gpt2.datasets.hub import HubCorpus
from gpt2.datasets.listing import Published, Remote

_FILES = (
    (2_152_819_114, "b1ba7b2ce4cb5ea6ef42dca40263eabb85f37700d01693a68e9b30a31d78e871"),
    (2_152_222_432, "3fcf2dc69cd52503986276d3d2d26a8c356d0f2ea28a0de4fdbda8cf87755693"),
    (2_151_796_315, "547ae182d132c9f06b6ce63149567208ea9f57630bfd9b1a2938e504f0c9ebd7"),
    (2_152_437_524, "22184e6eb25759ddd97783751ffc73e1705dfa2542e630dae1f2a8bac8ee6ddb"),
    (2_152_338_550, "33557ddd87a07a4ae6fcaf7a4789c7b484e5cc0c273ca12a65b74200e6d8748b"),
    (2_152_189_947, "e08d79927ecb377786572cd854817c748ceb8880878b1a0eb91abf8c85d505ea"),
    (2_152_689_867, "554fa2613c9261d6c9c396caab881de3160175794c6c3e1856bf28a0e9cb9b76"),
    (2_150_686_637, "4b7d1f697d4afff7f5f65cb7aa4d83acc6db716da4d46ea23399d0c50608c6e3"),
    (2_151_274_846, "a6d9dcc0c72ecd7c7f0173c2d06b3a4249a2ccaa94961469d1a522ca689bbf1a"),
    (2_151_913_277, "f836cd3c70b95776699eb6c356b2dbf702816e25dcf39992f5c80a29029d23c3"),
    (2_152_798_864, "e5a2eae25f057f0856a10bfae314c6ca8ea8bb08456d2131e9e89b2b8305e2f6"),
    (2_152_323_681, "db71cf0425bb3d1813a09f12ff1acd6dabdfb91a2e4f141960254ee5a7f036e7"),
    (2_152_069_689, "08b47a3e1c25161f796d2f8dbf99ccf60affdebdcea4910833d0d5783315551f"),
    (540_632_672, "b393f51fefab26cd6f4c8f65707c1924f6666c4961a0ebebe04bb57f7ec832de"),
)

FINEWEBEDU = HubCorpus(
    "FineWeb-Edu, the sample of 10 billion tokens; streamed",
    Published(
        repository="HuggingFaceFW/fineweb-edu",
        revision="87f09149ef4734204d70ed1d046ddc9ca3f2b8f9",
        licence="ODC-By 1.0",
        train="sample/10BT/*.parquet",
        validation=None,
        column="text",
        documents=9_672_101,
        tokens=10_000_000_000,
        download_bytes=sum(size for size, _ in _FILES),
        train_files=len(_FILES),
        files=tuple(
            Remote(f"sample/10BT/{number:03d}_00000.parquet", size, sha256)
            for number, (size, sha256) in enumerate(_FILES)
        ),
    ),
)
