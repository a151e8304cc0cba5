"""How fast this machine multiplies matrices: the yardstick of a training step.

A theoretical peak is known for few devices and reached on none; a product of two large matrices,
measured here and in the same minutes, is what a step could be made of at best.
"""

from dataclasses import dataclass

import torch

from scripts.bench.timing import PhaseClock, Step, block

# (rows, inner, columns) of the candidates. On a GPU the one that others publish. On a processor,
# where caches decide, squares and the shape of a feed-forward layer at many tokens.
ON_A_GPU = ((8192, 8192, 8192),)
ON_A_PROCESSOR = (
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (3072, 3072, 3072),
    (4096, 1024, 4096),
    (4096, 384, 1536),
)
SMALL = ((64, 64, 64), (128, 64, 128))
REPETITIONS = 5


@dataclass(frozen=True)
class Product:
    """One matrix product, ready to be timed again and again."""

    rows: int
    inner: int
    columns: int
    is_transposed: bool
    """Whether the second factor lies [columns, inner] in memory, as the weight of a layer does."""
    dtype: torch.dtype
    device: torch.device

    @property
    def flops(self) -> int:
        return 2 * self.rows * self.inner * self.columns

    def __str__(self) -> str:
        layout = ", second factor transposed" if self.is_transposed else ""
        return f"{self.rows} x {self.inner} x {self.columns}{layout}"

    def step(self, count: int) -> Step:
        """So many products in a row as one repetition."""
        generator = torch.Generator(self.device).manual_seed(0)

        def matrix(*size: int) -> torch.Tensor:
            drawn = torch.randn(size, generator=generator, device=self.device)
            return drawn.to(self.dtype)

        first = matrix(self.rows, self.inner)
        if self.is_transposed:
            second = matrix(self.columns, self.inner).t()
        else:
            second = matrix(self.inner, self.columns)
        out = torch.empty(self.rows, self.columns, dtype=self.dtype, device=self.device)

        def repeat(clock: PhaseClock) -> None:
            clock.start()
            for _ in range(count):
                torch.mm(first, second, out=out)
            clock.mark()

        return repeat


def fastest_product(
    device: torch.device, dtype: torch.dtype, *, is_fast: bool
) -> tuple[Product, float]:
    """The candidate with the highest rate here, and its milliseconds."""
    shapes = ON_A_GPU if device.type == "cuda" else ON_A_PROCESSOR
    timed: list[tuple[Product, float]] = []
    for rows, inner, columns in SMALL if is_fast else shapes:
        for is_transposed in (False, True):
            product = Product(rows, inner, columns, is_transposed, dtype, device)
            step = product.step(1)
            block(step, device, 2)  # plans its kernel
            (milliseconds,) = block(step, device, REPETITIONS)
            timed.append((product, milliseconds))
    return max(timed, key=lambda pair: pair[0].flops / pair[1])
