"""Small labelled images that tests train on."""

import numpy as np

from geoglm.train.samples import LabelledImage


def coded_image(side: int = 160, dtype: str = "uint8") -> LabelledImage:
    """An image whose colour tells its label: band k is at full scale where the label is k."""
    labels = np.random.default_rng(0).integers(0, 3, (side // 16, side // 16)).astype(np.uint8)
    labels = labels.repeat(16, 0).repeat(16, 1)
    full = {"uint8": 255, "uint16": 10000, "float32": 1}[dtype]
    pixels = np.stack([np.where(labels == k, full, 0).astype(dtype) for k in range(3)])
    return LabelledImage(pixels, labels)
