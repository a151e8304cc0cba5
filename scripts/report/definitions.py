"""What each number means, for the end of the page."""

DEFINITIONS = {
    "loss": "Mean cross-entropy per token in nats at the end of training, over the whole fixed "
    "validation split in a fixed order: evaluation adds no noise between arms.",
    "perplexity": "exp(loss), without a clamp; the mean over seeds is the mean of perplexities.",
    "loss - baseline": "The difference of runs with the same seed, averaged over the seeds that "
    "both arms finished under equal conditions: tokens seen, data, tokens evaluated.",
    "bits per byte": "loss x tokens / (ln 2 x bytes): comparable across tokenizers.",
    "sparsity": "Zeros / prunable weights, counted in the tensors at the end; of all parameters "
    "in the table of achieved sparsity. A tied embedding counts once.",
    "peak memory": "On a device: the most that was allocated since training began. On a CPU: the "
    "largest resident size of the process, libraries included. The two are never in one column.",
    "weights, gradients, state": "Computed from the tensors: exact bytes, not a measurement.",
    "masks": "Bytes of the tensors that say which weights are pruned.",
    "scores kept": "Bytes of what a pruning method remembers beside the optimizer, such as the "
    "accumulated score of movement pruning.",
    "not the same budget": "An arm that was trained with more steps or larger batches than the "
    "plan says, or for another time. It stands in a table of its own beside arms of that budget, "
    "with differences to the baseline there; verdict, bests and figures speak of the plan's budget "
    "only.",
    "budget in time": "So many seconds in training steps end the run: evaluations, checkpoints, "
    "compiling and the start do not count. Runs are comparable if they had as many on the same "
    "hardware, one at a time; never with runs of so many tokens.",
    "step": "Median over the optimizer steps after warm-up; the clock stops for evaluation, "
    "logging and saving.",
    "tokens per second": "Over the same window as the step.",
    "MFU": "Tokens per second x FLOPs per token / the dense bfloat16 peak of the device. FLOPs "
    "are what the kernels multiply: pruned weights count, tables that are looked up and recomputed "
    "activations do not. A device without a known peak has none.",
    "share of a product": "The same FLOPs per second over those of a large matrix product in the "
    "run's arithmetic, measured on its device at its start: for every device, and one of it.",
    "wall time": "From the start of the process to its summary, all attempts of the run.",
    "epochs": "Tokens seen / tokens of the training data; above 1 is a memorisation regime.",
    "done, failed, diverged": "Reached its budget; ended for a recorded cause; had a non-finite "
    "loss or gradient, which is a result.",
    "skipped, pending": "Left out on purpose, with a reason; planned and not ended.",
}

_OF_A_STUDY = {
    "loss - twin": "The effect of a step of the reciprocal attention study: its loss minus that of "
    "the plain transformer that begins as the same function, with the same biases, dropout and "
    "widths. Paired by seed under equal conditions; without a finished twin there is none.",
    "loss - baseline": DEFINITIONS["loss - baseline"]
    + " No effect of a step: biases, initial weights and dropout differ from the baseline's too. "
    "Given only for seeds of which the step has its twin.",
    "contribution": "Norm of the reciprocal term over that of the standard one, mean over layers, "
    "on the first validation windows: of attention in the logits of causal pairs, of the MLP in "
    "its output.",
    "kept": "Of the pairs of a query and a key that causal attention sees, the share that is left "
    "where a cache evicts, mean over layers, at the end.",
}


def of_a_matrix(has_controls: bool) -> dict[str, str]:
    """What the page of a matrix needs; has_controls: of one with steps of a study."""
    if not has_controls:
        return DEFINITIONS
    found: dict[str, str] = {}
    for name, meaning in DEFINITIONS.items():
        found |= _OF_A_STUDY if name == "loss - baseline" else {name: meaning}
    return found


COMPARED = {
    name: DEFINITIONS[name]
    for name in ("loss", "perplexity", "MFU", "share of a product", "tokens per second")
} | {
    "FLOPs per token": "Of training, forward and backward, as the kernels multiply: what MFU and "
    "the share of a product are made of. Of the dense model: pruned weights count.",
    "attention / feed-forward": "Work of the attention layers, projections and full scores, over "
    "that of the feed-forward layers, for a token of a full context.",
    "peak memory": DEFINITIONS["peak memory"],
    "step": DEFINITIONS["step"],
}
"""What each number of a comparison means."""
