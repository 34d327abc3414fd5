"""Speed and memory compared to peers, in one run on one core: ratios rather than seconds.

    OMP_NUM_THREADS=1 python docs/benchmarks/speed.py --out FILE [--only train score ...]

A ratio is the time of the peer over that of skflow: above 1, skflow is faster. Times are medians.
Unless stated otherwise, flows are bare: four spline couplings, 64 hidden units, 8 bins, a single
ensemble member, no marginals, no safety net. To restrict JAX to one core, use
XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" and taskset.

A section is a generator of records, whose arguments are the sizes of its data.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from records import append, use_one_thread
from speed_peers import flowjax_times, torch_peers, zuko_autoregressive

from skflow import NormalizingFlowDensity

BARE = {
    "flow": "nsf",
    "n_transforms": 4,
    "hidden_layer_sizes": (64, 64),
    "n_estimators": 1,
    "early_stopping": False,
    "marginals": None,
    "safety_net": False,
    "random_state": 0,
    "device": "cpu",
    "tol": 0.0,
}
SMALL = {  # for measurements of memory
    "effort": "fast",
    "n_transforms": 1,
    "hidden_layer_sizes": 16,
    "safety_net": False,
    "dtype": "float32",
    "random_state": 0,
}
ROWS = 100_000
BLOCK = 4096  # samples that peers score at a time
ROUNDS = 3
N_BATCHES, N_FITS, FEW_EPOCHS, MANY_EPOCHS = 16, 3, 2, 12  # of the fits that step_seconds times


def data(n, d, seed=None):
    """Samples (n, d) with heavy-tailed, correlated columns; the distribution depends on d only."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(d, d)) / np.sqrt(d)
    rng = rng if seed is None else np.random.default_rng((0, seed))
    return np.sinh(0.5 * rng.normal(size=(n, d))) @ mixing


def fit_bare(X, **params):
    return NormalizingFlowDensity(**{**BARE, **params}).fit(X)


def seconds(function, *arguments, n=5, warm_up=1):
    """Median time of a call."""
    times = []
    for _ in range(warm_up + n):
        start = time.perf_counter()
        function(*arguments)
        times.append(time.perf_counter() - start)
    return float(np.median(times[warm_up:]))


def in_blocks(peer, x):
    for block in x.split(BLOCK):
        peer.log_prob(block)


def step_seconds(d, batch, **params):
    """Time of a training step: the difference between fits of many and of few epochs."""
    X, times = data(N_BATCHES * batch, d), {FEW_EPOCHS: [], MANY_EPOCHS: []}
    for _ in range(N_FITS):
        for n_epochs, seconds_of_fits in times.items():
            start = time.perf_counter()
            fit_bare(X, max_iter=n_epochs, batch_size=batch, **params)
            seconds_of_fits.append(time.perf_counter() - start)
    difference = min(times[MANY_EPOCHS]) - min(times[FEW_EPOCHS])
    return difference / (N_BATCHES * (MANY_EPOCHS - FEW_EPOCHS))


def peer_step_seconds(peer, d, batch):
    X = torch.as_tensor(data(N_BATCHES * batch, d), dtype=torch.float32)
    batches = itertools.cycle(X.split(batch))
    optimizer = torch.optim.Adam(peer.parameters, lr=1e-3)

    def step():
        optimizer.zero_grad()
        (-peer.log_prob(next(batches)).mean()).backward()
        optimizer.step()

    return seconds(step, n=40, warm_up=8)


def in_rounds(times):
    """Medians over several rounds of the times of skflow, and of their ratios to those of peers.

    `times` returns seconds by name, skflow first. Ratios are taken within a round, since the
    speed of a machine changes within minutes.
    """
    rounds = [times() for _ in range(ROUNDS)]
    ours, *peers = rounds[0]
    ratios = {p: float(np.median([r[p] / r[ours] for r in rounds])) for p in peers}
    return {"seconds": float(np.median([r[ours] for r in rounds])), "ratios": ratios}


def train(shapes=((2, 256), (8, 256), (8, 1024), (32, 1024))):
    """A training step, by number of columns and batch size."""
    for d, batch in shapes:

        def times(d=d, batch=batch):
            peers = {p: peer_step_seconds(flow, d, batch) for p, flow in torch_peers(d).items()}
            flowjax = flowjax_times(data(batch, d))[0]
            return {"skflow": step_seconds(d, batch)} | peers | {"flowjax": flowjax}

        yield {"what": f"{d} × {batch:,}"} | in_rounds(times)


def compiled(shapes=((2, 256), (8, 1024), (32, 1024))):
    """A training step with compile=True and without, and the time of the compilation."""
    for d, batch in shapes:
        X = data(N_BATCHES * batch, d)
        start = time.perf_counter()
        fit_bare(X, max_iter=1, batch_size=batch, compile=True)
        compiling = time.perf_counter() - start

        def times(d=d, batch=batch):
            return {
                "compiled": step_seconds(d, batch, compile=True),
                "without": step_seconds(d, batch),
                "flowjax": flowjax_times(data(batch, d))[0],
            }

        yield {"what": f"{d} × {batch:,}", "compiling": compiling} | in_rounds(times)


def floor(d=32, batch=1024):
    """A training step over the time of its matrix products at the rate of this core."""
    weight, units = torch.randn(1, 368, 64), torch.randn(1, 64, batch)
    rate = 2 * 368 * 64 * batch / seconds(torch.bmm, weight, units, n=300, warm_up=20)
    flow = fit_bare(data(2000, d), max_iter=1).flow_
    n_weights = sum(p.numel() for name, p in flow.named_parameters() if p.dim() == 2)
    ratio = step_seconds(d, batch) / (6 * n_weights * batch / rate)
    yield {"what": f"{d} × {batch:,}", "gflops": rate / 1e9, "ratios": {"floor": ratio}}


def score(n=ROWS, widths=(2, 8, 32)):
    """Scores of n samples: skflow in float64 and in float32, peers in float32."""
    for d in widths:
        X = data(n, d)
        x = torch.as_tensor(X, dtype=torch.float32)
        model = fit_bare(X[:2000], max_iter=2)
        with torch.no_grad():
            peers = {name: seconds(in_blocks, p, x, n=3) for name, p in torch_peers(d).items()}
        peers["flowjax"] = flowjax_times(data(BLOCK, d))[1] * n / BLOCK
        yield from _by_dtype(model, lambda model=model, X=X: model.score_samples(X), d, peers)


def sample(n=ROWS, widths=(8, 32)):
    """n samples from a flow."""
    for d in widths:
        model = fit_bare(data(2000, d), max_iter=2)
        with torch.no_grad():
            peers = {
                name: seconds(p.sample, BLOCK, n=7) * n / BLOCK
                for name, p in torch_peers(d).items()
            }
        yield from _by_dtype(model, lambda model=model: model.sample(n), d, peers)


def _by_dtype(model, call, d, peers):
    for dtype in ("float64", "float32"):
        model.set_params(dtype=dtype)
        ours = seconds(call, n=3)
        ratios = {name: theirs / ours for name, theirs in peers.items()}
        yield {"what": f"{d} columns, {dtype}", "seconds": ours, "ratios": ratios}


def inverse(n=ROWS, d=32):
    """Samples over scores for the families whose inverse is expensive."""
    X = data(n, d)
    peer = zuko_autoregressive(d)
    with torch.no_grad():
        zuko = seconds(peer.sample, BLOCK, n=1, warm_up=0) * n / BLOCK
    for family in ("maf", "nsf_ar", "planar", "radial"):
        model = fit_bare(X[:2000], max_iter=2, flow=family, n_transforms=3)
        sampling = seconds(model.sample, n, n=3)
        ratios = {"draws over scores": sampling / seconds(model.score_samples, X, n=3)}
        if family == "nsf_ar":
            ratios["zuko's NSF"] = zuko / sampling
        yield {"what": family, "seconds": sampling, "ratios": ratios}


def members(sizes=(300, 1000, 5000), max_iter=30):
    """Five ensemble members over one, for the same number of steps, 8 columns."""
    settings = {"max_iter": max_iter, "batch_size": 256}
    for n in sizes:
        X = data(n, 8)
        five, one = (
            seconds(lambda k=k, X=X: fit_bare(X, n_estimators=k, **settings), n=3) for k in (5, 1)
        )
        yield {"what": f"{n:,} rows", "seconds": five, "ratios": {"five over one": five / one}}


def defaults(n=ROWS, n_fit=5000, n_kernel_scores=1000):
    """Scores of a fit with default parameters, zuko's bare flow and a kernel density."""
    from sklearn.neighbors import KernelDensity

    X = data(n, 8)
    zuko = torch_peers(8)["zuko"]
    x = torch.as_tensor(X, dtype=torch.float32)
    with torch.no_grad():
        peer = seconds(in_blocks, zuko, x, n=3)
    kernels = KernelDensity(bandwidth=0.3).fit(X)
    others = data(n + n_kernel_scores, 8)[n:]
    kernel_seconds = seconds(kernels.score_samples, others, n=1) * n / n_kernel_scores
    for what, model in (
        ("default", NormalizingFlowDensity(random_state=0).fit(X[:n_fit])),
        ("bare", fit_bare(X[:n_fit], max_iter=2)),
    ):
        ours = seconds(model.score_samples, X, n=3)
        ratios = {"zuko": peer / ours, "KernelDensity": kernel_seconds / ours}
        yield {"what": what, "seconds": ours, "ratios": ratios}


def growth(sizes=(10_000, 100_000, 1_000_000)):
    """Slope of log time over the log of the number of rows, 8 columns."""
    X = data(sizes[-1], 8)
    model = fit_bare(X[:2000], max_iter=2)
    calls = {
        "fit, one epoch": lambda n: fit_bare(X[:n], max_iter=1),
        "score": lambda n: model.score_samples(X[:n]),
        "sample": lambda n: model.sample(n),
    }
    for what, call in calls.items():
        times = [seconds(call, n, n=1) for n in sizes]
        slope = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        yield {"what": what, "times": times, "sizes": sizes, "ratios": {"slope": float(slope)}}


def large(sizes=(20_000, 100_000, 1_000_000), n_test=50_000):
    """Default fits to many rows on two threads: time, memory, and held-out log-likelihood."""
    X, test = data(sizes[-1], 8), data(sizes[-1] + n_test, 8)[-n_test:]
    torch.set_num_threads(2)
    for n in sizes:
        with AnonymousMemory() as memory:
            start = time.perf_counter()
            model = NormalizingFlowDensity(random_state=0).fit(X[:n])
            fit_seconds = time.perf_counter() - start
        yield {
            "what": f"{n:,} × 8",
            "seconds": fit_seconds,
            "peak_gb": memory.peak,
            "log_likelihood": float(model.score(test)),
        }
    torch.set_num_threads(1)


def memmap(n_blocks=(31, 62), block=1_000_000):
    """Peak memory of a fit to a memory map of 4 GB and to half of it, and of their scores."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        table = np.lib.format.open_memmap(path, "w+", np.float64, (n_blocks[-1] * block, 8))
        for start in range(0, len(table), block):
            table[start : start + block] = data(block, 8)
        table.flush()
        for n in n_blocks:
            X = np.load(path, mmap_mode="r")[: n * block]
            yield {"what": f"{n * block:,} × 8"} | _memory_of_fit_and_scores(X)


def parquet(n_blocks=(31, 62), block=1_000_000):
    """Peak memory of a fit to a Parquet folder of 31 million rows and to one twice as long."""
    import pyarrow
    from pyarrow.parquet import write_table

    names = [f"x{j}" for j in range(8)]
    table = pyarrow.table(dict(zip(names, data(block, 8).T, strict=True)))
    with tempfile.TemporaryDirectory() as folder:
        for previous, n in itertools.pairwise((0, *n_blocks)):
            for k in range(previous, n):
                write_table(table, Path(folder) / f"{k:03}.parquet")
            yield {"what": f"{n * block:,} × 8"} | _memory_of_fit_and_scores(folder)


def _memory_of_fit_and_scores(X):
    """Peak anonymous memory in GB; the scores themselves are not counted."""
    with AnonymousMemory() as fit:
        model = NormalizingFlowDensity(**SMALL).fit(X)
    with AnonymousMemory() as scoring:
        scores = model.score_samples(X)
    return {"fit_gb": fit.peak, "score_gb": scoring.peak - scores.nbytes / 1e9}


def startup(n=5):
    """Time of an import of skflow, over that of its dependencies."""

    def import_seconds(modules):
        command = [sys.executable, "-c", f"import {modules}"]
        return seconds(subprocess.check_call, command, n=n)

    ours = import_seconds("skflow")
    ratio = ours / import_seconds("torch, sklearn")
    yield {"what": "import skflow", "seconds": ours, "ratios": {"over torch and sklearn": ratio}}


class AnonymousMemory:
    """Peak anonymous memory of a `with` block above that at its start, in GB (Linux)."""

    def __enter__(self):
        self.peak, self._base, self._done = 0.0, self._now(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.wait(0.02):
            self.peak = max(self.peak, self._now() - self._base)

    @staticmethod
    def _now():
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1]) / 1e6
        raise OSError("/proc/self/status has no RssAnon")


SECTIONS = [
    train, compiled, floor, score, sample, inverse, members, defaults, growth, large, memmap,
    parquet, startup,
]  # fmt: skip


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=[s.__name__ for s in SECTIONS])
    args = parser.parse_args(arguments)
    use_one_thread()
    for section in SECTIONS:
        if args.only is None or section.__name__ in args.only:
            for record in section():
                append(args.out, {"section": section.__name__} | record)


if __name__ == "__main__":
    main()
