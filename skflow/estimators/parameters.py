"""The parameters that all of skflow's estimators share, and their documentation."""

import inspect
import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions

from skflow.flows.families import FAMILIES
from skflow.flows.nets.mlp import ACTIVATIONS

Seed = int | np.random.RandomState | None
Estimator = TypeVar("Estimator", bound=type)
Init = TypeVar("Init", bound=Callable[..., None])

_SHARED = """**shared : dict
        The parameters that all of skflow's estimators share."""
_AUTO = StrOptions({"auto"})


class FlowParameters(BaseEstimator):
    """Parameters and their constraints.

    Parameters
    ----------
    flow : str or callable, default="nsf_ar"
        The family of the flow:

        - "planar" and "radial" (Rezende & Mohamed 2015): bends along a direction, and
          around a point;
        - "nice" (Dinh et al. 2015): additive coupling, volume preserving but for one
          scaling layer;
        - "realnvp" (Dinh et al. 2017): affine coupling;
        - "maf" (Papamakarios et al. 2017): affine autoregressive;
        - "nsf" and "nsf_ar" (Durkan et al. 2019): rational-quadratic splines, coupled and
          autoregressive;
        - "flow_matching" (Lipman et al. 2023), "diffusion" (Song et al. 2021) and "cnf" (Chen
          et al. 2018): a velocity that carries data to noise, learned by regression, by
          regression weighted for the likelihood, or by likelihood through the solver, which
          is dear;
        - "flow_matching_ot" (Tong et al. 2024): flow matching whose rows and noise are paired
          by optimal transport within a minibatch: straighter paths, quicker scores.

        Or an importable callable ``(n_features, n_context, generator) -> bijections``,
        which returns the links of a chain, see ``skflow.flows.bijections``.
    n_transforms : "auto" or int, default="auto"
        Number of layers. A callable `flow` decides for itself. Of continuous flows it is the
        number of times that the solver takes four steps: 4, and 2 of "flow_matching_ot". Twice as
        many are about thirty times as exact, and score in twice the time.
    hidden_layer_sizes : "auto", int or sequence of int, default="auto"
        Units in the hidden layers of the networks that steer the maps.
    n_bins : int, default=8
        Bins of a spline.
    activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
        Activation of the networks.
    dropout : "auto" or float, default="auto"
        Share of hidden units dropped in training.
    base : {"auto", "normal", "t"}, default="auto"
        The density of the noise: a standard normal, or a multivariate t whose degrees of
        freedom are learned, with heavier tails. "auto" takes the t, but for "flow_matching",
        "flow_matching_ot" and "diffusion", which are trained to end in normal noise.
    marginals : {"auto", "yeo-johnson"} or None, default="auto"
        What happens to each column before columns meet: None standardises it,
        "yeo-johnson" also takes a power transform. "auto" lets left-out rows choose.
    support : str, tuple, list, dict or None, default=None
        What values the columns (a regressor's targets) can take. None: all real numbers.
        One for all columns, a list with one for each, or a dict from names or indices:

        - "positive", "nonnegative", "unit" (0 to 1) or (low, high), where None is no bound:
          the density is 0 outside, and all draws lie inside;
        - "integer" or ("integer", low, high): whole numbers. ``log p`` is then the
          log-probability of the value, estimated at 16 fixed places in its cell;
        - "circular" (period 2π) or ("circular", period): angles, times of day. The density is
          periodic, without a seam.
    n_estimators : "auto" or int, default="auto"
        Number of members, flows trained at once whose densities are averaged.
    safety_net : bool, default=True
        Whether simpler densities are mixed in. False leaves the bare flow.
    learning_rate_init : "auto" or float, default="auto"
        Largest learning rate; it warms up, then falls to 0 along a cosine.
    batch_size : "auto" or int, default="auto"
        Rows a minibatch.
    max_iter : "auto" or int, default="auto"
        Epochs at most.
    max_rows : int, default=1_000_000
        Rows that a fit holds, at most. Of a longer table that many are drawn, one from each
        of as many equal stretches; they, and not the table, have to fit memory. Where
        `max_iter` is "auto", training ends before it has seen a million rows.
    max_time : float or None, default=None
        Seconds after which training ends, with the best weights so far and a warning; what
        comes before and after training is not cut short.
    alpha : float, default=1e-3
        Decay of the networks' weights.
    noise : "auto" or float, default="auto"
        Standard deviation of noise added to the whitened inputs in training.
    effort : {"full", "fast"}, default="full"
        "fast" trains one member, half as long.
    early_stopping : "auto" or bool, default="auto"
        Whether rows are left out to decide when to stop and which weights to keep. With
        False every member sees all rows, and there is no safety net, which needs rows not
        trained on. "auto" leaves rows out where there are at least two distinct ones.
    validation_fraction : float, default=0.1
        Share of the rows left out by a single member, taken as one of round(1 / share)
        folds: half at most, and at least ten rows where there are twenty. Several members
        leave out a fold each.
    n_iter_no_change : int, default=8
        Validation checks without a gain after which training stops.
    tol : float, default=2e-3
        Least gain that counts, in nats a row.
    warm_start : bool, default=False
        Whether `fit` goes on from the earlier fit. Meant for the same data: left-out rows
        of other data may have been trained on before.
    checkpoint : str, path-like or None, default=None
        A file in which training's state is kept, every few seconds, until the fit has ended. A
        fit whose process was killed goes on from there when it is called again with the same
        rows and parameters, with the same result; with others it raises. One fit a file: not
        for searches.
    random_state : int, RandomState instance or None, default=None
        Fixes folds, starts, batches and noise. An int gives identical fits.
    device : str, default="auto"
        Where to compute: "auto" (a CUDA device where there is one, else the CPU), "cpu",
        "cuda", "cuda:1", "mps".
    dtype : {"float64", "float32"}, default="float64"
        Precision of scores and draws; training is in float32. "float32" takes about half the
        time for scores, and a fifth to two fifths less for draws, whose networks are in float32
        anyhow where many rows are drawn. It gives up some invariances: a row's score then
        depends on the rows beside it, on the units of its columns and on the device in the sixth
        digit, and beyond 1e15 standard deviations scores fall no further. On "mps" it is all
        there is.
    compile : bool, default=False
        Whether training steps, and scores of many rows, go through torch.compile. Compiling
        takes some ten seconds a fit, up to a minute the first time, and needs a C++ compiler;
        where it does not work, a warning says so, and the fit goes on without. It pays for long
        fits: docs/benchmarks has figures. The solver of continuous flows is not compiled, so it
        helps their regressions, and neither "cnf" nor their scores.
    verbose : int, default=0
        Above 0, a progress bar with the validation log-likelihood.
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "flow": [StrOptions(FAMILIES.keys()), callable],
        "n_transforms": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": [_AUTO, Interval(Integral, 1, None, closed="left"), "array-like"],
        "n_bins": [Interval(Integral, 1, 256, closed="both")],
        "activation": [StrOptions(ACTIVATIONS.keys())],
        "dropout": [_AUTO, Interval(Real, 0, 1, closed="left")],
        "base": [StrOptions({"auto", "normal", "t"})],
        "marginals": [StrOptions({"auto", "yeo-johnson"}), None],
        "support": [None, str, tuple, list, dict],
        "n_estimators": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "safety_net": ["boolean"],
        "learning_rate_init": [_AUTO, Interval(Real, 0, None, closed="neither")],
        "batch_size": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "max_iter": [_AUTO, Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "max_rows": [Interval(Integral, 2, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "noise": [_AUTO, Interval(Real, 0, None, closed="left")],
        "effort": [StrOptions({"full", "fast"})],
        "early_stopping": [_AUTO, "boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "warm_start": ["boolean"],
        "checkpoint": [str, os.PathLike, None],
        "random_state": ["random_state"],
        "device": [str],
        "dtype": [StrOptions({"float64", "float32"})],
        "compile": ["boolean"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        flow: str | Callable[..., Any] = "nsf_ar",
        n_transforms: Literal["auto"] | int = "auto",
        hidden_layer_sizes: Literal["auto"] | int | Sequence[int] = "auto",
        n_bins: int = 8,
        activation: str = "silu",
        dropout: Literal["auto"] | float = "auto",
        base: Literal["auto", "normal", "t"] = "auto",
        marginals: Literal["auto", "yeo-johnson"] | None = "auto",
        support: str | tuple | list | dict | None = None,
        n_estimators: Literal["auto"] | int = "auto",
        safety_net: bool = True,
        learning_rate_init: Literal["auto"] | float = "auto",
        batch_size: Literal["auto"] | int = "auto",
        max_iter: Literal["auto"] | int = "auto",
        max_time: float | None = None,
        max_rows: int = 1_000_000,
        alpha: float = 1e-3,
        noise: Literal["auto"] | float = "auto",
        effort: Literal["full", "fast"] = "full",
        early_stopping: Literal["auto"] | bool = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 8,
        tol: float = 2e-3,
        warm_start: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        random_state: Seed = None,
        device: str = "auto",
        dtype: Literal["float64", "float32"] = "float64",
        compile: bool = False,
        verbose: int = 0,
    ) -> None:
        self.flow = flow
        self.n_transforms = n_transforms
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_bins = n_bins
        self.activation = activation
        self.dropout = dropout
        self.base = base
        self.marginals = marginals
        self.support = support
        self.n_estimators = n_estimators
        self.safety_net = safety_net
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.max_time = max_time
        self.max_rows = max_rows
        self.alpha = alpha
        self.noise = noise
        self.effort = effort
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.tol = tol
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.device = device
        self.dtype = dtype
        self.compile = compile
        self.verbose = verbose


def documented(cls: Estimator) -> Estimator:
    """Put the shared parameters into a docstring, for {parameters} or the entry **shared."""
    if cls.__doc__ and FlowParameters.__doc__:  # python -OO has none
        start = FlowParameters.__doc__.index("Parameters\n")
        whole = FlowParameters.__doc__[start:].strip()
        entries = whole.split("----------", 1)[1].strip()
        with_own = cls.__doc__.replace(_SHARED, entries)
        cls.__doc__ = with_own.replace("{parameters}", whole)
    return cls


def with_parameters(init: Init) -> Init:
    """Name the shared parameters in the signature of an __init__ that passes **shared on.

    scikit-learn reads an estimator's parameters from there.
    """
    own = inspect.signature(init).parameters.values()
    shared = list(inspect.signature(FlowParameters.__init__).parameters.values())[1:]
    named = [p for p in own if p.kind is not inspect.Parameter.VAR_KEYWORD]
    init.__signature__ = inspect.Signature([*named, *shared])  # type: ignore[attr-defined]
    return init
