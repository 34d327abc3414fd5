"""Speed and memory beside the peers, in one run on one core: ratios, not seconds.

    OMP_NUM_THREADS=1 python docs/benchmarks/speed.py --out FILE [--only train score ...]

A ratio is the peer's time over skflow's: above 1, skflow is faster. Times are medians. Flows
are bare where nothing else is said: four spline couplings, 64 hidden units, 8 bins, one
member, no marginals, no safety net. Hold JAX to one core by
XLA_FLAGS="--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1" and taskset.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from quality import append
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
SMALL = {  # where memory is measured, not time
    "effort": "fast",
    "n_transforms": 1,
    "hidden_layer_sizes": 16,
    "safety_net": False,
    "dtype": "float32",
    "random_state": 0,
}
ROWS = 100_000
BLOCK = 4096  # rows that peers score at a time
ROUNDS = 3


def data(n, d, seed=None):
    """Heavy-tailed, correlated columns: more rows of the same distribution for a larger n."""
    rng = np.random.default_rng(0)
    mixing = rng.normal(size=(d, d)) / np.sqrt(d)
    rng = rng if seed is None else np.random.default_rng((0, seed))
    return np.sinh(0.5 * rng.normal(size=(n, d))) @ mixing


def bare(X, **params):
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


def fit_members(X, n_members):
    bare(X, n_estimators=n_members, max_iter=30, batch_size=256)


def step_seconds(d, batch, **params):
    """A training step: the difference of two fits of 12 and 2 epochs of 16 batches."""
    X, times = data(16 * batch, d), {2: [], 12: []}
    for _ in range(3):
        for epochs, taken in times.items():
            start = time.perf_counter()
            bare(X, max_iter=epochs, batch_size=batch, **params)
            taken.append(time.perf_counter() - start)
    return (min(times[12]) - min(times[2])) / 160


def peer_step_seconds(peer, d, batch):
    X = torch.as_tensor(data(16 * batch, d), dtype=torch.float32)
    optimizer = torch.optim.Adam(peer.parameters, lr=1e-3)
    at = 0

    def step():
        nonlocal at
        optimizer.zero_grad()
        (-peer.log_prob(X[at * batch : (at + 1) * batch]).mean()).backward()
        optimizer.step()
        at = (at + 1) % 16

    return seconds(step, n=40, warm_up=8)


def in_rounds(times):
    """Medians of our seconds and of ratios, each within one of several rounds.

    `times` gives seconds by name, ours first. A machine's speed changes within minutes.
    """
    rounds = [times() for _ in range(ROUNDS)]
    ours, *peers = rounds[0]
    ratios = {p: float(np.median([r[p] / r[ours] for r in rounds])) for p in peers}
    return {"seconds": float(np.median([r[ours] for r in rounds])), "ratios": ratios}


def train():
    """A training step."""
    for d, batch in ((2, 256), (8, 256), (8, 1024), (32, 1024)):

        def times(d=d, batch=batch):
            peers = {p: peer_step_seconds(flow, d, batch) for p, flow in torch_peers(d).items()}
            flowjax = flowjax_times(data(batch, d))[0]
            return {"skflow": step_seconds(d, batch)} | peers | {"flowjax": flowjax}

        yield {"what": f"{d} × {batch:,}"} | in_rounds(times)


def compiled():
    """A training step with compile=True, over one without, and what compiling takes."""
    for d, batch in ((2, 256), (8, 1024), (32, 1024)):
        X = data(16 * batch, d)
        start = time.perf_counter()
        bare(X, max_iter=1, batch_size=batch, compile=True)
        compiling = time.perf_counter() - start

        def times(d=d, batch=batch):
            return {
                "compiled": step_seconds(d, batch, compile=True),
                "without": step_seconds(d, batch),
                "flowjax": flowjax_times(data(batch, d))[0],
            }

        yield {"what": f"{d} × {batch:,}", "compiling": compiling} | in_rounds(times)


def floor():
    """A step at 32 × 1,024 over the time of its matrix products at this core's rate."""
    weight, units = torch.randn(1, 368, 64), torch.randn(1, 64, 1024)
    rate = 2 * 368 * 64 * 1024 / seconds(torch.bmm, weight, units, n=300, warm_up=20)
    flow = bare(data(2000, 32), max_iter=1).flow_
    n_weights = sum(p.numel() for name, p in flow.named_parameters() if p.dim() == 2)
    ratio = step_seconds(32, 1024) / (6 * n_weights * 1024 / rate)
    yield {"what": "32 × 1,024", "gflops": rate / 1e9, "ratios": {"floor": ratio}}


def score():
    """Scoring: ours with float64 and with float32 arithmetic, peers with float32."""
    for d in (2, 8, 32):
        X = data(ROWS, d)
        x = torch.as_tensor(X, dtype=torch.float32)
        model = bare(X[:2000], max_iter=2)
        with torch.no_grad():
            peers = {name: seconds(in_blocks, p, x, n=3) for name, p in torch_peers(d).items()}
        peers["flowjax"] = flowjax_times(data(BLOCK, d))[1] * ROWS / BLOCK
        for dtype in ("float64", "float32"):
            model.set_params(dtype=dtype)
            ours = seconds(model.score_samples, X, n=3)
            ratios = {name: t / ours for name, t in peers.items()}
            yield {"what": f"{d} columns, {dtype}", "seconds": ours, "ratios": ratios}


def sample():
    """Draws of 100,000 rows."""
    for d in (8, 32):
        model = bare(data(2000, d), max_iter=2)
        with torch.no_grad():
            peers = {
                name: seconds(p.sample, BLOCK, n=7) * ROWS / BLOCK
                for name, p in torch_peers(d).items()
            }
        for dtype in ("float64", "float32"):
            model.set_params(dtype=dtype)
            ours = seconds(model.sample, ROWS, n=3)
            ratios = {name: t / ours for name, t in peers.items()}
            yield {"what": f"{d} columns, {dtype}", "seconds": ours, "ratios": ratios}


def inverse():
    """Draws over scores for the families whose inverse is work, 100,000 × 32."""
    X = data(ROWS, 32)
    peer = zuko_autoregressive(32)
    with torch.no_grad():
        zuko = seconds(peer.sample, BLOCK, n=1, warm_up=0) * ROWS / BLOCK
    for family in ("maf", "nsf_ar", "planar", "radial"):
        model = bare(X[:2000], max_iter=2, flow=family, n_transforms=3)
        drawing = seconds(model.sample, ROWS, n=3)
        ratios = {"draws over scores": drawing / seconds(model.score_samples, X, n=3)}
        if family == "nsf_ar":
            ratios["zuko's NSF"] = zuko / drawing
        yield {"what": family, "seconds": drawing, "ratios": ratios}


def members():
    """Five members over one, the same steps, 8 columns."""
    for n in (300, 1000, 5000):
        X = data(n, 8)
        five, one = (seconds(fit_members, X, k, n=3) for k in (5, 1))
        yield {"what": f"{n:,} rows", "seconds": five, "ratios": {"five over one": five / one}}


def defaults():
    """Scores of a fit with default parameters, against zuko's bare flow and kernels."""
    from sklearn.neighbors import KernelDensity

    X = data(ROWS, 8)
    zuko = torch_peers(8)["zuko"]
    x = torch.as_tensor(X, dtype=torch.float32)
    with torch.no_grad():
        peer = seconds(in_blocks, zuko, x, n=3)
    kernels = KernelDensity(bandwidth=0.3).fit(X)
    some = data(ROWS + 1000, 8)[-1000:]
    kernel_seconds = seconds(kernels.score_samples, some, n=1) * ROWS / 1000
    for what, model in (
        ("default", NormalizingFlowDensity(random_state=0).fit(X[:5000])),
        ("bare", bare(X[:5000], max_iter=2)),
    ):
        ours = seconds(model.score_samples, X, n=3)
        ratios = {"zuko": peer / ours, "KernelDensity": kernel_seconds / ours}
        yield {"what": what, "seconds": ours, "ratios": ratios}


def growth():
    """Slope of log time over log rows, from 10,000 to 1,000,000 rows of 8 columns."""
    sizes = (10_000, 100_000, 1_000_000)
    X = data(sizes[-1], 8)
    model = bare(X[:2000], max_iter=2)
    ways = {
        "fit, one epoch": lambda n: bare(X[:n], max_iter=1),
        "score": lambda n: model.score_samples(X[:n]),
        "sample": lambda n: model.sample(n),
    }
    for what, way in ways.items():
        times = [seconds(way, n, n=1) for n in sizes]
        slope = np.polyfit(np.log(sizes), np.log(times), 1)[0]
        yield {"what": what, "times": times, "sizes": sizes, "ratios": {"slope": float(slope)}}


def large():
    """Default fits of many rows on two threads: time, memory, and what the rows were worth."""
    X, test = data(1_000_000, 8), data(1_050_000, 8)[-50_000:]
    torch.set_num_threads(2)
    for n in (20_000, 100_000, 1_000_000):
        with AnonymousMemory() as ema_decay:
            start = time.perf_counter()
            model = NormalizingFlowDensity(random_state=0).fit(X[:n])
            taken = time.perf_counter() - start
        yield {
            "what": f"{n:,} × 8",
            "seconds": taken,
            "peak_gb": ema_decay.peak,
            "log_likelihood": float(model.score(test)),
        }
    torch.set_num_threads(1)


def memmap():
    """Fit and scores of a 4 GB memory map and of one half as long: peak anonymous memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        table = np.lib.format.open_memmap(path, "w+", np.float64, (62_000_000, 8))
        for start in range(0, len(table), 1_000_000):
            table[start : start + 1_000_000] = data(1_000_000, 8)
        table.flush()
        for n in (31_000_000, 62_000_000):
            X = np.load(path, mmap_mode="r")[:n]
            with AnonymousMemory() as fitting:
                model = NormalizingFlowDensity(**SMALL).fit(X)
            with AnonymousMemory() as scoring:
                result = model.score_samples(X)
            yield {
                "what": f"{n:,} × 8",
                "fit_gb": fitting.peak,
                "score_gb": scoring.peak - result.nbytes / 1e9,
            }


def parquet():
    """Fit and scores of a Parquet set of 31 million rows and of one twice as long.

    Peak anonymous memory, of all that is read, and without the scores themselves.
    """
    import pyarrow
    from pyarrow.parquet import write_table

    names = [f"x{j}" for j in range(8)]
    table = pyarrow.table(dict(zip(names, data(1_000_000, 8).T, strict=True)))
    with tempfile.TemporaryDirectory() as folder:
        for n in (31, 62):
            for k in range(n - 31, n):
                write_table(table, Path(folder) / f"{k:03}.parquet")
            with AnonymousMemory() as fitting:
                model = NormalizingFlowDensity(**SMALL).fit(folder)
            with AnonymousMemory() as scoring:
                result = model.score_samples(folder)
            yield {
                "what": f"{n},000,000 × 8",
                "fit_gb": fitting.peak,
                "score_gb": scoring.peak - result.nbytes / 1e9,
            }


def startup():
    """Importing skflow over importing what it stands on."""

    def importing(what):
        return seconds(subprocess.check_call, [sys.executable, "-c", f"import {what}"])

    ours = importing("skflow")
    ratio = ours / importing("torch, sklearn")
    yield {"what": "import skflow", "seconds": ours, "ratios": {"over torch and sklearn": ratio}}


class AnonymousMemory:
    """Peak anonymous memory in a block above that at its start, in GB (Linux)."""

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", selected=[s.__name__ for s in SECTIONS])
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    for section in SECTIONS:
        if args.only is None or section.__name__ in args.only:
            for record in section():
                append(args.out, {"section": section.__name__} | record)


if __name__ == "__main__":
    main()
