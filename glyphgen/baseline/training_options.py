"""How to train, checked when it is said."""

import math
import os
from dataclasses import dataclass

from glyphgen.choices import OPTIMIZERS, SCHEDULES, TIMM, VARIATIONS, check_choice, check_model
from glyphgen.errors import TrainingError

__all__ = ["TrainingOptions"]

_DEFAULT_IMAGES = 400_000  # about five minutes on two cores with AMX
_LENGTHS = ("images", "epochs", "minutes")
_SIDES = (16, 1024)  # of ``image_size``


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How to train.

    Attributes:
        model: A key of ``choices.MODELS``, or ``timm:`` and a model of timm.
        images: How many the training sees, 1 or more; 400,000 where neither epochs nor minutes say it.
        epochs: Passes over the training rows instead, may be a fraction.
        minutes: Stop after so long instead; the result depends on the machine's speed then.
        batch_size: Images of a step, 2 or more.
        learning_rate: The highest; or a pair, of which the first layers get the first number, the last
            layer gets the second, and those between get what lies between (as powers).
        schedule: A key of ``choices.SCHEDULES``. After frozen epochs ``one-cycle`` begins anew.
        optimizer: A key of ``choices.OPTIMIZERS``.
        amsgrad: Never let Adam's steps grow again where gradients fade.
        variation: A key of ``choices.VARIATIONS``; see ``vary``.
        seed: Of weights, order and variation, 0 or more.
        weights: Start from these: the folder or the ``model.safetensors`` of a training, of any classes;
            or a file of weights of a timm model; or ``timm:NAME`` for the model and the weights of timm.
        pretrained: Start from timm's weights.
        frozen_epochs: For so long only the last layer is trained, where the others start from weights.
        frozen_rate: The learning rate meanwhile; ``learning_rate`` without it.
        image_size: Side in pixels of the square that images are scaled into, with their aspect, before the
            network sees them; their own size without it, or that of ``weights``.

    Raises:
        ChoiceError: A word is not in its table.
        TrainingError: A number is out of its range, or two options cannot stand together.
    """

    model: str = "cnn"
    images: int | None = None
    epochs: float | None = None
    minutes: float | None = None
    batch_size: int = 128
    learning_rate: float | tuple[float, float] = 4e-3
    schedule: str = "constant"
    optimizer: str = "adamw"
    amsgrad: bool = False
    variation: str = "strong"
    seed: int = 0
    weights: str | os.PathLike[str] | None = None
    pretrained: bool = False
    frozen_epochs: float = 0.0
    frozen_rate: float | None = None
    image_size: int | None = None

    def __post_init__(self) -> None:
        """Check the options; weights that are named by a model of timm become ``pretrained``."""
        self._settle_weights()
        check_model(self.model)
        check_choice(self.variation, VARIATIONS, "variation")
        check_choice(self.schedule, SCHEDULES, "schedule")
        check_choice(self.optimizer, OPTIMIZERS, "optimizer")
        self._check_numbers()
        if len(found := [name for name in _LENGTHS if getattr(self, name) is not None]) > 1:
            raise TrainingError(f"{' and '.join(found)}: found together, expected one of them")
        if self.weights is not None and self.pretrained:
            raise TrainingError("weights and pretrained: found both, expected one of them")
        if self.pretrained and not self.model.startswith(TIMM):
            raise TrainingError(
                f"--pretrained: '{self.model}' has no weights to start from (take {TIMM}NAME)"
            )
        if self.frozen_epochs and not (self.weights or self.pretrained):
            raise TrainingError(
                "frozen_epochs: without weights nothing is worth keeping, expected --weights or"
                " --pretrained"
            )

    def _settle_weights(self) -> None:
        if self.weights is None:
            return
        weights = os.fspath(self.weights)
        if weights.startswith(TIMM):
            if self.model != weights:
                raise TrainingError(
                    f"weights: found those of '{weights}', expected those of '{self.model}' (--model"
                    f" {weights})"
                )
            object.__setattr__(self, "pretrained", True)
        object.__setattr__(self, "weights", None if weights.startswith(TIMM) else weights)

    def _check_numbers(self) -> None:
        for name in (*_LENGTHS, "frozen_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise TrainingError(f"{name}: found {value!r}, expected a number above 0")
        for name, least in (("batch_size", 2), ("seed", 0), ("frozen_epochs", 0)):
            value = getattr(self, name)
            if not value >= least:
                raise TrainingError(f"{name}: found {value!r}, expected {least} or more")
        low, high = self.rates
        if not 0 < low <= high < math.inf:
            expected = "a number above 0" if low is high else "two above 0, the lower one first"
            raise TrainingError(f"learning_rate: found {self.learning_rate!r}, expected {expected}")
        least, most = _SIDES
        if self.image_size is not None and not least <= self.image_size <= most:
            raise TrainingError(
                f"image_size: found {self.image_size!r}, expected {least} to {most} pixels"
            )

    @property
    def rates(self) -> tuple[float, float]:
        """Learning rate of the first layers, and of the last one."""
        rate = self.learning_rate
        return (rate, rate) if isinstance(rate, int | float) else rate

    def count_steps(self, n_batches: int) -> int:
        """Return the steps of the training; 0 where minutes end it."""
        if self.epochs is not None:
            return max(1, round(self.epochs * n_batches))
        if self.minutes is not None:
            return 0
        return math.ceil((self.images or _DEFAULT_IMAGES) / self.batch_size)
