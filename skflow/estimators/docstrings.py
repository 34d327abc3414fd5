"""Documentation of the parameters and attributes that all four estimators share.

An estimator's docstring contains the placeholders ``{flow_parameters}`` and
``{flow_attributes}``, which `fill_placeholders` replaces when the class is created.
"""

import inspect
import re

_ENTRY = re.compile(r"^(\w+) : ", re.MULTILINE)

FLOW_PARAMETERS = """
flow : str or callable, default="auto"
    Family of the density:

    - "any_order" (Uria et al. 2014): the distribution of each column given any set of others,
      by one network, along several orders of the columns. It takes holes (NaN in X), atoms,
      categories and lattices;
    - "auto": "any_order" where X has holes, or columns have atoms, categories or lattices, else
      "nsf_ar", which also takes a single column of whole numbers. For a regressor, columns are
      the targets;
    - "planar" and "radial" (Rezende & Mohamed 2015): contractions and expansions along a
      direction, and around a point;
    - "nice" (Dinh et al. 2015): additive coupling layers, volume preserving except for one
      scaling layer;
    - "realnvp" (Dinh et al. 2017): affine coupling layers;
    - "maf" (Papamakarios et al. 2017): affine autoregressive layers;
    - "nsf" and "nsf_ar" (Durkan et al. 2019): rational-quadratic splines in coupling and in
      autoregressive layers;
    - "flow_matching" (Lipman et al. 2023), "diffusion" (Song et al. 2021) and "cnf" (Chen
      et al. 2018): continuous flows, whose velocity field carries data to noise. It is
      learned by regression, by regression weighted for the likelihood, or by maximum
      likelihood through the ODE solver, which is expensive;
    - "flow_matching_ot" (Tong et al. 2024): flow matching in which data and noise are paired
      by optimal transport within each minibatch, for straighter paths and faster scoring.

    Alternatively, an importable callable ``(n_features, n_context, generator) -> bijections``
    that returns the bijections of a chain, see ``skflow.flows.bijections``.
effort : {"full", "fast"}, default="full"
    "fast" trains a single flow for 400 steps, where "full" trains up to five flows for 800
    steps, or a single one for 1,500 if there are 10,000 samples or more.
support : Support, str, tuple, list, dict or None, default=None
    Values that the columns of X (for a regressor, the targets) can take. None means all real
    numbers. Give one support for all columns, a list with one per column, or a dict that maps
    column names or indices to supports, such as `skflow.infer_support` returns. Where names
    are ints, ints are names and not indices. A support is a `skflow.Support` or short for one:

    - "positive", "nonnegative", "unit" (0 to 1) or (low, high), where None means unbounded:
      the density is 0 outside, and all samples lie inside. The ends of the last three belong
      to the support;
    - "integer" or ("integer", low, high): integers. ``log p`` is then the log-probability of
      the value, estimated from 16 fixed points in its unit interval;
    - ("lattice", step) or ("lattice", step, low, high): multiples of another step;
    - ("category", levels): codes without an order;
    - "circular" (period 2π) or ("circular", period): angles or times of day. The density is
      periodic and has no cut point.
n_estimators : "auto" or int, default="auto"
    Number of flows in the ensemble. They are trained simultaneously, and their densities are
    averaged.
safety_net : bool, default=True
    Whether to mix simpler densities, the safety net, into the ensemble of flows. If False,
    the fitted density consists of the flows alone.
marginals : {"auto", "yeo-johnson"} or None, default="auto"
    Transformation applied to each column separately, before the flow. None only standardizes
    it; "yeo-johnson" also applies a power transform. "auto" selects by held-out log-likelihood.
base : {"auto", "normal", "t"}, default="auto"
    Base distribution of the flow: a standard normal, or a multivariate Student t with learned
    degrees of freedom, which has heavier tails. "auto" uses the Student t, except for
    "flow_matching", "flow_matching_ot" and "diffusion", which are trained to end in normal
    noise.
max_iter : "auto" or int, default="auto"
    Maximum number of epochs.
max_time : float or None, default=None
    Time limit of the fit in seconds, from the validation of the data on. When it is reached,
    the fit ends within about a second, with a warning: training with the best weights so far,
    and what comes before or after it with simpler densities fitted to a few rows.
max_rows : int, default=1_000_000
    Maximum number of rows that are held in memory. From a longer table, `max_rows` rows are
    drawn, one from each of `max_rows` segments of equal length, so only these rows have to
    fit into memory, not the whole table. If `max_iter` is "auto", training ends before it
    has seen a million rows.
learning_rate_init : "auto" or float, default="auto"
    Maximum learning rate. The learning rate warms up to it, then decays to 0 along a cosine.
batch_size : "auto" or int, default="auto"
    Number of rows in a minibatch.
alpha : float, default=1e-3
    Weight decay of the networks.
noise : "auto" or float, default="auto"
    Standard deviation of the Gaussian noise that is added to the whitened data in training.
n_transforms : "auto" or int, default="auto"
    Number of layers, at most 1000. Ignored if `flow` is callable. For continuous flows, the
    number of times that the solver takes four steps: "auto" means 4, and 2 for
    "flow_matching_ot". Doubling it makes scores about thirty times as accurate, and scoring
    takes twice as long.
hidden_layer_sizes : "auto", int or sequence of int, default="auto"
    Number of units in each hidden layer of the conditioner networks, at most 65,536. A fit that
    needs more memory than the machine has is refused before it begins.
n_bins : int, default=8
    Number of bins of a spline.
activation : {"silu", "relu", "gelu", "elu", "tanh"}, default="silu"
    Activation function of the networks.
dropout : "auto" or float, default="auto"
    Fraction of the hidden units that is dropped in training.
early_stopping : "auto" or bool, default="auto"
    Whether to hold out samples that decide when training stops and which weights are kept.
    If False, every flow is trained on all samples, and there is no safety net, whose weight
    is estimated on held-out samples. "auto" holds samples out if at least two are distinct.
validation_fraction : float, default=0.1
    Fraction of the samples held out if a single flow is trained. The held-out samples are one
    of round(1 / validation_fraction) folds: at most half of the samples and, with twenty or
    more, at least ten. With several flows, each of them holds out one fold.
n_iter_no_change : int, default=8
    Number of validation checks without an improvement after which training stops.
tol : float, default=2e-3
    Minimum increase of the validation log-likelihood that counts as an improvement, in nats
    per sample.
warm_start : bool, default=False
    Whether `fit` continues from the previous fit. Use it only with the same data: with other
    data, samples that are now held out may have been used for training before.
checkpoint : str, path-like or None, default=None
    File to which the state of training is saved every few seconds, until the fit has ended.
    If the process is killed, calling `fit` again with the same data and parameters resumes
    from there, with the same result; with others it raises an error. Each fit needs a file of
    its own, so do not set it in a search.
random_state : int, RandomState instance or None, default=None
    Determines the folds, initial weights, minibatches and noise. Pass an int for reproducible
    fits.
device : str, default="auto"
    Device for all computations: "auto" (a CUDA device if there is one, else the CPU), "cpu",
    "cuda", "cuda:1", "mps".
dtype : {"float64", "float32"}, default="float64"
    Precision of scores and samples; training is always in float32. "float32" takes about half
    the time for scores. For samples it saves a fifth to two fifths; the networks are in
    float32 anyway when many rows are sampled. It gives up some invariances: the score of a
    row then depends, in the sixth digit, on the other rows, on the units of the columns and
    on the device, and beyond 1e15 standard deviations scores do not decrease any further.
    On "mps" only float32 is available.
compile : bool, default=False
    Whether to use torch.compile for training steps, and for the scores of many rows.
    Compilation takes some ten seconds per fit, up to a minute the first time, and needs a C++
    compiler. If it fails, there is a warning, and the fit continues without it. It pays off
    for long fits; see the benchmarks in the documentation. The solver of continuous flows is
    not compiled, so only the training of those fitted by regression is faster; "cnf" does not
    benefit.
verbose : int, default=0
    If positive, show a progress bar: the stage of the fit, the epochs of training, the
    validation log-likelihood and, at the end, why the fit ended.
""".strip()

FLOW_ATTRIBUTES = """
held_out_score_ : float or None
    Mean log-likelihood of held-out samples, in nats per sample, under the mixture with
    `weights_` of components that were fitted without them. None if none were held out.
n_samples_fit_ : int
    Number of rows used by the fit.
device_ : torch.device
    Device of the fitted density.
n_iter_ : int
    Number of epochs trained.
loss_curve_ : list of float
    Training loss after each epoch, averaged over the ensemble: the negative log-likelihood
    per sample or, for flows trained by regression, the squared error of the velocity.
validation_scores_ : list of float
    Mean log-likelihood of the held-out samples at each validation check, the first of which
    precedes training, averaged over the ensemble.
best_validation_score_ : float or None
    Maximum of the validation scores of each flow, averaged over the ensemble. These are
    scores of single flows: the fitted density, their mixture, is usually better.
n_features_in_ : int
    Number of columns of X.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the columns of X. Defined only if X has column names that are all strings.
""".strip()


def fill_placeholders(cls: type) -> str:
    """Fill the shared parameters and attributes into the docstring of an estimator.

    Parameters
    ----------
    cls : type
        The estimator. Its docstring has the lines ``{flow_parameters}`` and
        ``{flow_attributes}``.

    Returns
    -------
    str
        The complete docstring, without indentation.

    Raises
    ------
    TypeError
        If a placeholder is missing, or if the documented parameters differ from those of the
        signature of `__init__`, or in their order.
    """
    docstring = inspect.cleandoc(cls.__doc__ or "") + "\n"
    shared = {"{flow_parameters}": FLOW_PARAMETERS, "{flow_attributes}": FLOW_ATTRIBUTES}
    for placeholder, text in shared.items():
        if f"\n{placeholder}\n" not in docstring:
            raise TypeError(f"The docstring of {cls.__name__} has no line {placeholder}.")
        docstring = docstring.replace(placeholder, text)
    documented = documented_parameters(docstring)
    expected = list(inspect.signature(cls).parameters)
    if documented != expected:
        raise TypeError(
            f"The docstring of {cls.__name__} documents the parameters {documented}, but its "
            f"signature has {expected}."
        )
    return docstring


def documented_parameters(docstring: str) -> list[str]:
    """Names in the Parameters section of a numpydoc docstring without indentation."""
    _, _, rest = docstring.partition("\nParameters\n----------\n")
    section, _, _ = rest.partition("\n\nAttributes\n")
    return _ENTRY.findall(section)
