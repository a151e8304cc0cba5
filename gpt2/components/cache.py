"""Keys and values of the tokens that a model has seen, so that a further token costs only itself.

For inference: attention fills a cache in place, and no gradient goes through it. A cache with the
same tokens gives the logits of a full pass, but for the order of sums inside a kernel.
"""

from torch import Tensor


class LayerCache:
    """What one attention layer has seen: up to `capacity` tokens of B sequences."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.length = 0
        self._keys_BHTD: Tensor | None = None
        self._values_BHTD: Tensor | None = None

    def extend(self, k_BHTD: Tensor, v_BHTD: Tensor) -> tuple[Tensor, Tensor]:
        """Append the keys and values of new tokens; returns those of all tokens so far."""
        B, H, T, D = k_BHTD.shape
        end = self.length + T
        assert end <= self.capacity, (end, self.capacity)
        if self._keys_BHTD is None or self._values_BHTD is None:
            # Once, at the full length: growing by concatenation would copy everything each time.
            self._keys_BHTD = k_BHTD.new_empty(B, H, self.capacity, D)
            self._values_BHTD = v_BHTD.new_empty(B, H, self.capacity, v_BHTD.shape[3])
        self._keys_BHTD[:, :, self.length : end] = k_BHTD
        self._values_BHTD[:, :, self.length : end] = v_BHTD
        self.length = end
        return self._keys_BHTD[:, :, :end], self._values_BHTD[:, :, :end]

    def repeated(self, times: int) -> "LayerCache":
        """A copy with each sequence `times` times in a row."""
        copy = LayerCache(self.capacity)
        copy.length = self.length
        if self._keys_BHTD is not None and self._values_BHTD is not None:
            copy._keys_BHTD = self._keys_BHTD.repeat_interleave(times, dim=0)
            copy._values_BHTD = self._values_BHTD.repeat_interleave(times, dim=0)
        return copy

    @property
    def nbytes(self) -> int:
        parts = (self._keys_BHTD, self._values_BHTD)
        return sum(part.numel() * part.element_size() for part in parts if part is not None)


class KeyValueCache:
    """One LayerCache a layer of the model."""

    def __init__(self, n_layer: int, capacity: int) -> None:
        """`capacity`: the most tokens of a sequence, at most the model's block size."""
        self.layers = [LayerCache(capacity) for _ in range(n_layer)]

    @property
    def length(self) -> int:
        """Tokens of each sequence that are in the cache."""
        return self.layers[0].length

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values, at full capacity."""
        return sum(layer.nbytes for layer in self.layers)

    def repeated(self, times: int) -> "KeyValueCache":
        """A copy with each sequence `times` times in a row: several ways to go on from each."""
        copy = KeyValueCache(0, 0)
        copy.layers = [layer.repeated(times) for layer in self.layers]
        return copy
