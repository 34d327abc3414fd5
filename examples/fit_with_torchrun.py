"""Fit a density across several processes, each of which has a part of the data.

    torchrun --nproc-per-node 2 examples/fit_with_torchrun.py

Each process usually reads its own shard; in this example, it generates one. All processes
obtain the same density.
"""

from sklearn.datasets import make_moons

from skflow import NormalizingFlowDensity
from skflow.distributed import shards

with shards() as group:
    X, _ = make_moons(20_000, noise=0.1, random_state=1 + group.rank)  # or np.load(f"{rank}.npy")
    density = NormalizingFlowDensity(effort="fast", random_state=0).fit(X)

test, _ = make_moons(5_000, noise=0.1, random_state=0)
print(
    f"process {group.rank} of {group.size}: {len(X):,} samples in its shard, "
    f"{density.score(test):.6f} nats per sample",
    flush=True,
)
