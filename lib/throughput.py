"""What a speed is worth: FLOPs per second, the share of the peak (MFU), the share of a matrix
product measured on the same device; and when such a number is too good.

    achieved = tokens/s x FLOPs per token      MFU = achieved / peak      share = achieved / product

FLOPs are the model's exact products (lib/flops.py): masked weights are multiplied and count, tables
that are looked up and recomputed activations do not. The MFU of the exact causal work stands beside
it. The peak is of dense bfloat16 whatever the run computes in, so that a float32 run shows what it
leaves unused.
"""

from dataclasses import dataclass

from lib.flops import CAUSAL, RANKED, STATED, ModelFlops
from lib.matmul import MatmulRate
from lib.peaks import find_peak, most_plausible_mfu


@dataclass(frozen=True)
class Throughput:
    """Field names as in summary.json; a value that is not known is None."""

    tokens_per_s: float | None
    flops_per_token: int
    """Of training, exact: what `achieved_tflops`, `mfu` and `share_of_matmul` are made of."""
    flops_per_token_by_convention: dict[str, int]
    forward_flops_per_token: int
    """Of an evaluation or of generating, exact."""
    useful_flops_per_token: int
    """As `flops_per_token`, without the products of pruned weights, which a dense kernel does."""
    attention_to_feed_forward: float
    achieved_tflops: float | None
    mfu: float | None
    mfu_causal: float | None
    """Of the exact work that a causal model needs: always less."""
    peak_tflops: float | None
    peak_tflops_source: str | None
    """Which figure the peak is; without one, None: why_no_mfu has the reason."""
    matmul_tflops: float | None
    matmul_size: int | None
    matmul_dtype: str | None
    share_of_matmul: float | None
    doubts: list[str]
    """Sentences on numbers that are too good to be true."""


def throughput(
    tokens_per_s: float | None,
    flops: ModelFlops,
    device_name: str,
    matmul: MatmulRate | None,
    zero_weights: int,
) -> Throughput:
    """What one device did at this speed.

    tokens_per_s: None before anything was measured; device_name: as torch gives it; matmul: None
    where it was not measured; zero_weights: pruned weights of matrices that multiply.
    """
    peak = find_peak(device_name)
    peak_tflops = peak and peak.bf16_tflops
    achieved = _tflops(tokens_per_s, flops.training(RANKED))
    mfu = _share(achieved, peak_tflops)
    share = _share(achieved, matmul and matmul.tflops)
    return Throughput(
        tokens_per_s=tokens_per_s,
        flops_per_token=flops.training(RANKED),
        flops_per_token_by_convention={name: flops.training(name) for name in STATED},
        forward_flops_per_token=flops.forward(RANKED),
        useful_flops_per_token=flops.useful(RANKED, zero_weights),
        attention_to_feed_forward=flops.attention_to_feed_forward,
        achieved_tflops=achieved,
        mfu=mfu,
        mfu_causal=_share(_tflops(tokens_per_s, flops.training(CAUSAL)), peak_tflops),
        peak_tflops=peak_tflops,
        peak_tflops_source=peak.source if peak and peak_tflops else None,
        matmul_tflops=matmul and matmul.tflops,
        matmul_size=matmul and matmul.size,
        matmul_dtype=matmul and matmul.dtype,
        share_of_matmul=share,
        doubts=_doubts(mfu, share, device_name, flops.parameters),
    )


def tokens_per_s_at(mfu: float, flops: ModelFlops, device_name: str) -> float | None:
    """The speed that this MFU would be; None on a device without a known peak."""
    peak = find_peak(device_name)
    if peak is None or peak.bf16_tflops is None:
        return None
    return mfu * peak.bf16_tflops * 1e12 / flops.training(RANKED)


def _doubts(mfu: float | None, share: float | None, device_name: str, parameters: int) -> list[str]:
    doubts = []
    limit = most_plausible_mfu(device_name, parameters)
    if mfu is not None and mfu > limit:
        doubts.append(
            f"an MFU of {mfu:.1%} is more than the {limit:.0%} that is plausible here: take it for "
            "an error of the measurement until it is explained"
        )
    if share is not None and share > 1:
        doubts.append(
            f"training ran at {share:.2f} of the measured matrix product, which is impossible: "
            "something else used the device while the product was measured"
        )
    return doubts


def _tflops(tokens_per_s: float | None, flops_per_token: int) -> float | None:
    return None if tokens_per_s is None else tokens_per_s * flops_per_token / 1e12


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or whole is None else part / whole
