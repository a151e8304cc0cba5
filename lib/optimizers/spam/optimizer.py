"""AdamWSPAM: AdamW with a spike clip, periodic momentum resets and a re-warm-up after each.

SPAM (Huang et al. 2025, arXiv 2501.06842). Step t, one counter:

    if t mod interval == 0: m = v = vmax = 0, k = n = 0, and step = 0 with bias_reset
    if z-score on and the norm is a spike: m *= 0.5, v *= 0.9
    if n >= grace: g = clamp(g, -lim, lim), lim = sqrt(theta * ref), inf where v == 0
                   ref = v, or v / (1 - b2^n) when corrected
    (the shared clip of the global norm)
    step += 1; update m, v, vmax
    w *= 1 - lr wd;  w -= lr s_k m_hat / (sqrt(v_hat) + eps);  k += 1;  n += 1

Peculiar: s_k is inside the update and never written to group["lr"]; n counts the updates of each
parameter, not of the optimizer. With theta = interval = inf and the z-score off it is AdamW (with
AMSGrad where that is on), bit for bit.

With `as_published` a step is that of the authors' code (galore_torch/SPAM.py): the denominator is
sqrt(v) + eps before the bias correction, s_k begins at the floor, and the first grace window is
one update shorter (a clip from step 20 on, where those after a reset have 20 updates without one).
Theirs still differs in two things: an element with v = 0 is clipped to 0, so that it never trains,
and the decay comes after the update.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lib.optimizers.conditioned import ConditionedAdamW, Group, add, read, since_reset
from lib.optimizers.spam.clip import clip_spikes
from lib.optimizers.spam.density import DensityGate
from lib.optimizers.spam.detector import SpikeDetector
from lib.optimizers.spam.settings import SpamSettings, warmup_scale

# What a spike of the norm multiplies the moments by. Not from the paper, which has no z-score.
DAMPING = {"exp_avg": 0.5, "exp_avg_sq": 0.9}


class AdamWSPAM(ConditionedAdamW):
    """The optimizer; the fields of SpamSettings are keys of every parameter group."""

    def __init__(
        self,
        groups: list[Group],
        *,
        names: Mapping[nn.Parameter, str],
        detector: SpikeDetector | None,
        gate: DensityGate,
        gated: frozenset[nn.Parameter],
        **defaults: Any,
    ) -> None:
        """groups: as of `parameter_groups`; names: of every parameter; detector: None for off.

        gate, gated: the random gate and the parameters it is for, where density < 1; defaults:
        lr, betas, eps, weight_decay, amsgrad and the fields of SpamSettings, each of which a
        group may override. Raises ValueError for settings that make no sense.
        """
        super().__init__(groups, names=names, **defaults)
        for group in self.param_groups:
            settings = settings_of(group)
            if settings.density < 1 and group["eps"] == 0:
                raise ValueError(
                    "SPAM_DENSITY below 1 leaves elements with m = v = 0, and an epsilon of 0 "
                    "makes them 0/0; set SPAM_EPSILON > 0"
                )
        self._detector = detector
        self._gate = gate
        self._gated = gated
        self._restart_window()

    def notes(self) -> list[str]:
        """What is allowed in these settings but should be known; sentences for the log."""
        found = [n for g in self.param_groups for n in settings_of(g).notes(g["betas"][1])]
        return list(dict.fromkeys(found))

    def read_events(self) -> dict[str, float]:
        """What happened since the last call. Waits for the device, and starts afresh.

        spam_clipped_fraction: of all gradient elements; spam_spike_rate: of the steps on which the
        detector had history enough; effective_learning_rate: lr * s_k of the latest step.
        """
        group = self.param_groups[0]
        clipped, spikes = read(self._clipped), read(self._spikes)
        events = {
            "spam_clipped_fraction": clipped / self._elements if self._elements else 0.0,
            "spam_spikes": spikes,
            "spam_spike_rate": spikes / self._judged if self._judged else 0.0,
            "spam_resets": float(self._resets),
            "effective_learning_rate": group["lr"] * self._scale(group, self._steps),
        }
        self._restart_window()
        return events

    def _prepare(self, parameter: nn.Parameter) -> None:
        super()._prepare(parameter)
        # Updates since the start, which the bias correction counts where a reset leaves it alone.
        self.state[parameter].setdefault("all_updates", 0)

    def _update(self, group: Group) -> None:
        super()._update(group)
        for parameter in group["params"]:
            if parameter.grad is not None:
                self.state[parameter]["all_updates"] += 1

    def _epsilon(self, group: Group, state: Mapping[str, Any]) -> float:
        if not group["as_published"]:
            return group["eps"]
        updates = state["updates" if group["bias_reset"] else "all_updates"] + 1
        return group["eps"] / math.sqrt(1 - group["betas"][1] ** updates)

    def _condition(self, step: int, norm: Tensor) -> Tensor:
        parameters = self._with_gradient()
        self._resets += self._reset_if_due(step)
        if self._detector is not None:
            self._damp(parameters, self._detector.observe(norm))
        if self._close_gates(step):
            norm = self._norm()
        self._elements += sum(parameter.numel() for parameter in parameters)
        return self._clip_spikes(parameters, norm)

    def _damp(self, parameters: list[nn.Parameter], is_spike: Tensor | None) -> None:
        """Multiply the moments by 1, or by less after a spike: which, the device alone knows."""
        if is_spike is None:
            return
        self._judged += 1
        self._spikes = add(self._spikes, is_spike)
        for name, factor in DAMPING.items():
            tensors = [self.state[parameter][name] for parameter in parameters]
            if tensors:
                # In double precision first: 0.9 has more digits than fp32 holds.
                chosen = 1.0 - (1.0 - factor) * is_spike.double()
                torch._foreach_mul_(tensors, chosen.to(tensors[0].dtype))

    def _close_gates(self, step: int) -> bool:
        """Gate the matrices of groups with density < 1; whether there are any."""
        position, is_any = 0, False
        for group in self.param_groups:
            draw = 0 if math.isinf(group["interval"]) else int(step // group["interval"])
            for parameter in group["params"]:
                if group["density"] < 1 and parameter.grad is not None and parameter in self._gated:
                    is_any = True
                    self._gate.gate(
                        parameter.grad, position=position, draw=draw, density=group["density"]
                    )
                position += 1
        return is_any

    def _clip_spikes(self, parameters: list[nn.Parameter], norm: Tensor) -> Tensor:
        """Clip what is out of its grace window; returns the norm, changed only by a clip."""
        ratios: dict[nn.Parameter, float] = {}
        for group in self.param_groups:
            beta2 = group["betas"][1]
            is_first_window = since_reset(self._steps + 1, group["interval"]) is None
            grace = group["grace"] - (group["as_published"] and is_first_window)
            for parameter in group["params"]:
                if parameter.grad is None or math.isinf(group["theta"]):
                    continue
                updates = self.state[parameter]["updates"]
                if updates < grace:
                    continue
                # With no update v is 0 everywhere, and nothing is clipped: any ratio will do.
                is_corrected = group["corrected_reference"] and updates > 0
                correction = 1 - beta2**updates if is_corrected else 1.0
                ratios[parameter] = group["theta"] / correction
        if not ratios:
            return norm
        clipped, squares = clip_spikes(
            [parameter.grad for parameter in ratios],
            [self.state[parameter]["exp_avg_sq"] for parameter in ratios],
            list(ratios.values()),
        )
        self._clipped = add(self._clipped, clipped)
        after = squares.sqrt() if len(ratios) == len(parameters) else self._norm()
        # The very norm that came in where nothing was clipped: no last bit moves.
        return torch.where(clipped > 0, after.to(norm.dtype), norm)

    def _scale(self, group: Group, step: int) -> float:
        k = since_reset(step, group["interval"])
        return warmup_scale(k, group["warmup_steps"], group["warmup_floor"], group["as_published"])

    def _restart_window(self) -> None:
        self._clipped: Tensor | None = None
        self._spikes: Tensor | None = None
        self._elements = self._judged = self._resets = 0

    def _extra_state(self) -> dict[str, Any]:
        return {
            "detector": None if self._detector is None else self._detector.state_dict(),
            "window": {
                "clipped": self._clipped,
                "spikes": self._spikes,
                "elements": self._elements,
                "judged": self._judged,
                "resets": self._resets,
            },
        }

    def _load_extra_state(self, extra: dict[str, Any]) -> None:
        device = self.param_groups[0]["params"][0].device
        if (self._detector is None) != (extra["detector"] is None):
            raise ValueError(
                "the saved state has a history of norms and this run no detector, or the other "
                "way round; continue with the SPAM_DETECT_SPIKES of the run that saved it"
            )
        if self._detector is not None:
            self._detector.load_state_dict(extra["detector"], device)
        window = extra["window"]
        self._clipped, self._spikes = (
            None if window[name] is None else window[name].to(device=device, copy=True)
            for name in ("clipped", "spikes")
        )
        self._elements, self._judged = window["elements"], window["judged"]
        self._resets = window["resets"]


def settings_of(group: Group) -> SpamSettings:
    """The knobs of a group. Raises ValueError for values that make no sense."""
    return SpamSettings(**{name: group[name] for name in SpamSettings.__dataclass_fields__})
