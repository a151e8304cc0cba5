"""Micro-batches on the device, in order, read ahead of the training by one thread.

What is read is a pure function of the number of the micro-batch (sampler.py), so reading ahead
cannot change it. Two bytes a token go to the device and are widened there.
"""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor

import torch
from torch import Tensor

from gpt2.datasets.sampler import TrainSampler


class Loader:
    """Hands out micro-batch after micro-batch.

    Where the corpus is in memory a batch takes some 0.05 ms and the thread gains nothing; it is
    there for the moments when a page comes from a disk.
    """

    def __init__(self, sampler: TrainSampler, device: str, ahead: int, pin_memory: bool) -> None:
        """`ahead`: micro-batches that are read before they are asked for; 0 starts no thread.

        `pin_memory`: page-locked host memory, from which a GPU copies without the host waiting.
        """
        assert ahead >= 0, ahead
        self.sampler = sampler
        self._device = device
        self._ahead = ahead
        self._pin_memory = pin_memory
        # The sampler keeps the order of an epoch, so only one thread may ask it.
        self._thread = ThreadPoolExecutor(1, "loader") if ahead else None
        self._coming: deque[tuple[int, Future[Tensor]]] = deque()

    def rows(self, index: int) -> Tensor:
        """Micro-batch `index` (from 0) on the device: rows_BT1 [B, T + 1], int64."""
        rows_BT1 = self._read(index) if self._thread is None else self._take(index)
        return rows_BT1.to(self._device, non_blocking=self._pin_memory).long()

    def close(self) -> None:
        """End the thread; what was read ahead is forgotten."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._coming.clear()

    def _take(self, index: int) -> Tensor:
        assert self._thread is not None
        if not self._coming or self._coming[0][0] != index:
            # The start, or a jump: what was read ahead is not what is wanted.
            for _, future in self._coming:
                future.cancel()
            self._coming.clear()
        while len(self._coming) <= self._ahead:
            number = index + len(self._coming)
            self._coming.append((number, self._thread.submit(self._read, number)))
        return self._coming.popleft()[1].result()

    def _read(self, index: int) -> Tensor:
        rows_BT1 = torch.from_numpy(self.sampler.batch(index))
        return rows_BT1.pin_memory() if self._pin_memory else rows_BT1
