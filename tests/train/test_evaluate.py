"""A network evaluated in memory: its figures are those of its map, at every magnification."""

import numpy as np
import pytest
import torch

from geoglm.nn.segmenter import SegmenterSpec, build_segmenter
from geoglm.stats.accuracy import count_pairs
from geoglm.train.evaluate import confusion_matrix, evaluate_network
from geoglm.train.samples import LabelledImage

NAMES = ("red", "green", "blue")


def image(bands: int, dtype: str, *, height: int = 41, width: int = 30, seed: int = 0) -> LabelledImage:
    """Blocks of 3 px whose first three bands tell the class more often than not; some labels are missing."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (height // 3 + 1, width // 3 + 1)).astype(np.uint8)
    labels = labels.repeat(3, 0).repeat(3, 1)[:height, :width]
    pixels = rng.integers(0, 200, (bands, height, width))
    for k in range(3):
        pixels[k][labels == k] += 55
    labels = np.where(rng.random(labels.shape) < 0.1, rng.choice([254, 255], labels.shape), labels).astype(np.uint8)
    return LabelledImage(pixels.astype(dtype), labels)


def selector(bands: int, sureness: float) -> torch.nn.Module:
    """Says the brightest of the first three bands, as surely as asked."""
    network = build_segmenter(SegmenterSpec("pointwise", bands=bands, classes=3))
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.zero_()
        for k in range(3):
            network.head.weight[k, k] = sureness
    return network


@pytest.mark.parametrize(("bands", "dtype"), [(3, "uint8"), (4, "uint16"), (9, "float32")])
def test_counts_are_those_of_the_map_at_every_magnification(bands: int, dtype: str) -> None:
    images = [image(bands, dtype, seed=s, height=40 + 2 * s) for s in range(3)]
    network = selector(bands, 3.0).train()
    result = evaluate_network(
        network, images, classes=NAMES, stride=16, prepare=lambda raw: torch.from_numpy(raw) / 255, scales=(0.5, 1, 2)
    )
    assert network.training
    own, half = (np.zeros((3, 3), np.int64) for _ in range(2))
    for i in images:
        own += count_pairs(i.labels, i.pixels[:3].argmax(0).astype(np.uint8), classes=3)
        mean = i.pixels[:3].astype(float).reshape(3, -1, 2, 15, 2).mean((2, 4))
        half += count_pairs(i.labels[1::2, 1::2], mean.argmax(0).astype(np.uint8), classes=3)
    assert (result.own.confusion == own).all()
    # two bands of the same mean are told apart by the last bit only
    assert np.abs(result.by_scale[0.5].confusion - half).sum() <= 0.02 * half.sum()
    assert result.by_scale[2].pixels == 4 * result.own.pixels
    assert set(result.as_dict()["by_resolution"]) == {"0.5", "1", "2"}


def test_too_sure_a_network_is_told_its_temperature() -> None:
    """Labels are drawn from the network's own probabilities at temperature 1; it then says four times the logits."""
    rng = np.random.default_rng(0)
    pixels = rng.normal(0, 2, (3, 120, 120)).astype(np.float32)
    chance = np.exp(pixels)
    draw = (chance / chance.sum(0)).cumsum(0) > rng.random((1, 120, 120))
    images = [LabelledImage(pixels, draw.argmax(0).astype(np.uint8))]
    result = evaluate_network(selector(3, 4.0), images, classes=NAMES, stride=1, prepare=torch.from_numpy, scales=(1,))
    assert result.calibration is not None
    assert result.calibration.temperature == pytest.approx(4, rel=0.1)
    assert result.calibration.before > 0.15
    assert result.calibration.after < 0.04
    assert result.own.calibration_error == pytest.approx(result.calibration.before, abs=0.03)
    assert result.as_dict()["calibration"]["pixels"] == len(range(0, 120 * 120, 7))


def test_a_network_that_looks_at_the_scene_is_shown_the_whole_image() -> None:
    spec = SegmenterSpec("tu-tf_efficientnet_lite0", bands=3, classes=3, depth=4, context=2)
    torch.manual_seed(0)
    network = build_segmenter(spec).eval()
    result = evaluate_network(
        network,
        [image(3, "uint8")],
        classes=NAMES,
        stride=network.stride,
        prepare=lambda raw: torch.from_numpy(raw) / 127.5 - 1,
        scales=(0.5, 1),
        gsd=0.5,
    )
    assert result.own.pixels == (image(3, "uint8").labels < 3).sum()


def test_the_short_form_counts_the_same() -> None:
    images, network = [image(3, "uint8")], selector(3, 1.0)
    result = evaluate_network(
        network, images, classes=NAMES, stride=8, prepare=lambda raw: torch.from_numpy(raw) / 127.5 - 1, scales=(1,)
    )
    assert (confusion_matrix(network, images, classes=3, stride=8) == result.own.confusion).all()
