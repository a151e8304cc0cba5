"""AdamWSPAM once more, as plain as its definition: one loop over tensors in double precision."""

import math

import torch


class PlainSPAM:
    """Keeps m, v, vmax per tensor; `step(gradients)` changes `weights` in place."""

    def __init__(self, weights, decays, knobs, max_norm=None):
        self.weights, self.decays, self.knobs, self.max_norm = weights, decays, knobs, max_norm
        self.states = [{"m": w * 0, "v": w * 0, "vmax": w * 0, "step": 0, "n": 0} for w in weights]
        self.t, self.norms, self.k = 0, [], math.inf

    def step(self, gradients):
        knobs, gradients = self.knobs, [gradient.clone() for gradient in gradients]
        b1, b2 = knobs["beta1"], knobs["beta2"]
        self.t += 1
        if knobs["periodic_reset"] and self.t % knobs["interval"] == 0:
            self.k = 0
            for state in self.states:
                for name in ("m", "v", "vmax"):
                    state[name] = state[name] * 0
                state["n"] = 0
                if knobs["bias_reset"]:
                    state["step"] = 0
        if knobs["detect_spikes"]:
            self._damp(math.sqrt(sum(g.square().sum().item() for g in gradients)))
        if knobs["enable_clip"]:
            for state, g in zip(self.states, gradients, strict=True):
                # Published: a clip from step 20 on, which 19 updates went before; after a reset 20.
                is_early = knobs["as_published"] and state["n"] == state["step"]
                if state["n"] >= knobs["grace"] - is_early:
                    ref = state["v"]
                    if knobs["corrected_reference"]:
                        ref = ref / (1 - b2 ** state["n"])
                    over = (g.square() > knobs["theta"] * ref) & (ref > 0)
                    g[over] = (g.sign() * (knobs["theta"] * ref).sqrt())[over]
        if self.max_norm is not None:
            norm = math.sqrt(sum(g.square().sum().item() for g in gradients))
            gradients = [g * min(1.0, self.max_norm / (norm + 1e-6)) for g in gradients]
        for w, decay, state, g in zip(
            self.weights, self.decays, self.states, gradients, strict=True
        ):
            state["step"] += 1
            state["m"] = b1 * state["m"] + (1 - b1) * g
            state["v"] = b2 * state["v"] + (1 - b2) * g * g
            state["vmax"] = torch.maximum(state["vmax"], state["v"])
            second = state["vmax"] if knobs["amsgrad"] else state["v"]
            m_hat = state["m"] / (1 - b1 ** state["step"])
            correction = 1 - b2 ** state["step"]
            if knobs["as_published"]:
                denominator = (second.sqrt() + knobs["epsilon"]) / math.sqrt(correction)
            else:
                denominator = (second / correction).sqrt() + knobs["epsilon"]
            w *= 1 - knobs["learning_rate"] * decay
            w -= knobs["learning_rate"] * self._scale() * m_hat / denominator
            state["n"] += 1
        self.k += 1

    def _damp(self, norm):
        past = self.norms[-100:]
        if len(past) >= 10:
            mean = sum(past) / len(past)
            sd = math.sqrt(sum((p - mean) ** 2 for p in past) / (len(past) - 1))
            if norm > mean + self.knobs["spike_threshold"] * sd:
                norm = mean + self.knobs["spike_threshold"] * sd
                for state in self.states:
                    state["m"], state["v"] = 0.5 * state["m"], 0.9 * state["v"]
        self.norms.append(norm)

    def _scale(self):
        knobs = self.knobs
        if not knobs["warmup"] or self.k >= knobs["warmup_steps"]:
            return 1.0
        position = self.k if knobs["as_published"] else self.k + 1
        floor, angle = knobs["warmup_floor"], math.pi * position / (knobs["warmup_steps"] + 1)
        return floor + (1 - floor) * (1 - math.cos(angle)) / 2
