"""
One layer of each family
========================

The families of flows differ in the maps that a single layer can represent. Each panel shows a
square grid transformed by one layer with random parameters. The colors show ``log |det|`` of the
Jacobian, that is, where the layer expands, contracts or preserves the volume.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap

from skflow.flows.layers import LayerConfig, autoregressive, coupling, planar, radial

# %%
# Layers are initialized close to the identity, which would not be visible. Therefore, noise is
# added to their parameters, with a fixed seed for each layer.

layers = {
    "planar": (planar, 0.8, 3),
    "radial": (radial, 0.8, 1),
    "nice: additive coupling": (coupling("additive"), 0.35, 0),
    "realnvp: affine coupling": (coupling("affine"), 0.25, 1),
    "maf: affine autoregressive": (autoregressive("affine"), 0.25, 2),
    "nsf: spline coupling": (coupling("spline"), 0.25, 4),
    "nsf_ar: spline autoregressive": (autoregressive("spline"), 0.3, 3),
}


def drawn(build, spread, seed):
    generator = torch.Generator().manual_seed(seed)
    layer = build(LayerConfig(2, hidden_layer_sizes=(16, 16)), generator).double()
    with torch.no_grad():
        for parameter in layer.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter += spread * noise
    return layer


def lines(spacing=0.25, extent=2.0, n=201):
    """Return the lines of a square grid, of shape (lines, n, 2)."""
    along, across = np.linspace(-extent, extent, n), np.arange(-extent, extent + 0.01, spacing)
    level = np.stack(np.broadcast_arrays(along, across[:, None]), axis=-1)
    return np.concatenate([level, level[..., ::-1]])


colors_of_volume = LinearSegmentedColormap.from_list("volume", ["C0", "0.7", "C3"])
figure, panels = plt.subplots(2, 4, figsize=(11, 5.8), layout="constrained")
panels[0, 0].add_collection(LineCollection(lines(), color="0.6", linewidth=0.8))
panels[0, 0].set_title("the grid")
for panel, (title, settings) in zip(panels.flat[1:], layers.items(), strict=True):
    with torch.no_grad():
        images, log_det = (t.numpy() for t in drawn(*settings)(torch.from_numpy(lines())))
    segments = np.stack([images[:, :-1], images[:, 1:]], axis=2).reshape(-1, 2, 2)
    colors = (log_det[:, :-1] + log_det[:, 1:]).ravel() / 2
    bent = LineCollection(segments, cmap=colors_of_volume, linewidth=0.9)
    bent.set(array=colors, clim=(-1.5, 1.5))
    panel.add_collection(bent)
    panel.set_title(title)
for panel in panels.flat:
    panel.set(aspect="equal", xlim=(-2.9, 2.9), ylim=(-2.9, 2.9), xticks=[], yticks=[])
figure.colorbar(bent, ax=panels, label="log |det|", shrink=0.6)

plt.show()
