"""Short trainings on the Dubai tiles, alike but for one thing: what the tables of this folder compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import nn

import geoglm
from geoglm.nn.encoders import adopt_weights
from geoglm.nn.segmenter import Segmenter, SegmenterSpec
from geoglm.stats.evaluation import Evaluation
from geoglm.train.aerial.data import CLASSES, TRAINING_TILES, VALIDATION_TILE, dubai
from geoglm.train.aerial.recipe import signed_bytes
from geoglm.train.augment import recolour
from geoglm.train.curriculum import GROUPS, PLAIN, Stage
from geoglm.train.evaluate import evaluate_network
from geoglm.train.logs import Verdict
from geoglm.train.loop import Schedule, TrainingPlan, signed, train
from geoglm.train.losses import LossSpec, segmentation_loss
from geoglm.train.samples import Batch, LabelledImage, Moment, SampleSet, draw_crops

ENCODER = "tu-tf_efficientnet_lite0"
LOSS = LossSpec((("cross_entropy", 1.0), ("lovasz", 0.5)))


@dataclass
class ShortTraining:
    """Data and budget that all variants of a comparison share.

    Args:
        data: folder with the folder `aerial`.
        encoder_weights: ImageNet weights of efficientnet-lite0; None takes the encoder of `aerial-landcover`.
        steps: of 4 crops of 192 px each.
        encoder_rate: learning rate of the encoder, as a share of the decoder's.
        glance_px: see `SampleSet`.
    """

    data: Path
    encoder_weights: Path | None
    steps: int
    encoder_rate: float
    glance_px: int = 0
    held_out: list[LabelledImage] = field(init=False)
    _images: list[LabelledImage] = field(init=False)

    def __post_init__(self) -> None:
        self._images = [image for tile in TRAINING_TILES for image in dubai(self.data, tile)]
        self.held_out = list(dubai(self.data, VALIDATION_TILE))

    def network(self, spec: SegmenterSpec, seed: int) -> Segmenter:
        """A fresh decoder on the encoder that all start from."""
        torch.manual_seed(seed)
        network = Segmenter(spec)
        if self.encoder_weights is not None:
            adopt_weights(network.encoder, torch.load(self.encoder_weights, weights_only=True).values())
        else:
            adopt_finer_levels(network.encoder, geoglm.load_model("aerial-landcover").network().encoder)
        return network

    def run(
        self,
        spec: SegmenterSpec,
        *,
        seed: int,
        curriculum: Sequence[Stage] = PLAIN,
        scales: tuple[float, float] = (0.5, 2.0),
        groups: Sequence[float] = (1.0,),
        reports: int = 1,
    ) -> tuple[Segmenter, Evaluation]:
        """Train and evaluate one variant on tile 2, at the magnifications `groups`."""
        samples = SampleSet(self._images, scales, share=1.0, glance_px=self.glance_px)

        def draw(rng: np.random.Generator, now: Moment) -> Batch:
            crops = draw_crops([samples], rng, now)
            batch = Batch.of(crops)
            for k, crop in enumerate(crops):
                light = int(rng.integers(2**32))  # the same for a crop and for the scene that it was cut from
                batch.pixels[k] = recolour(crop.pixels, np.random.default_rng(light))
                if batch.glances is not None and crop.glance is not None:
                    batch.glances[k] = recolour(crop.glance, np.random.default_rng(light))
            return batch

        def validate(candidate: nn.Module) -> Verdict:
            found = self.evaluate(candidate, GROUPS if len(groups) > 1 else groups)
            by_resolution = {s: a.miou for s, a in found.by_scale.items()}
            return Verdict(by_resolution[1.0], by_resolution=by_resolution)

        schedule = Schedule(
            steps=self.steps,
            batch=4,
            side_px=192,
            peak_rate=2e-3,
            encoder_rate=self.encoder_rate,
            averaging=0.98,
            seed=seed,
            report_every=-(-self.steps // reports),
        )
        plan = TrainingPlan(schedule, draw, partial(segmentation_loss, spec=LOSS), validate, signed, curriculum)
        network = self.network(spec, seed)
        with TemporaryDirectory() as folder:
            trained = train(network, plan, folder=Path(folder))
        assert isinstance(trained, Segmenter)
        return trained, self.evaluate(trained, groups)

    def evaluate(self, network: nn.Module, groups: Sequence[float]) -> Evaluation:
        """Accuracy on tile 2."""
        stride = int(network.stride)  # type: ignore[arg-type]  # to torch any attribute may be a tensor
        return evaluate_network(
            network, self.held_out, classes=CLASSES, stride=stride, prepare=signed_bytes, scales=groups
        )


def mean_and_spread(values: Sequence[float]) -> str:
    """``0.612 ± 0.004``: mean and standard deviation over seeds."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return f"{float(np.mean(values)):.3f} ± {spread:.3f}"


@torch.no_grad()
def adopt_finer_levels(network: nn.Module, taught: nn.Module) -> None:
    """Copy what `taught` knows into a network that may stop at a finer stride; its coarser levels are left out."""
    given = taught.state_dict()
    for name, place in network.state_dict().items():
        place.copy_(given[name][tuple(slice(n) for n in place.shape)])
