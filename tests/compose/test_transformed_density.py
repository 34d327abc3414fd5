"""TransformedDensity as an estimator: in the original units, and at home in scikit-learn."""

import pickle
from unittest import SkipTest

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, multivariate_normal, norm
from sklearn import clone, config_context
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_inplace_ensure_writeable,
    parametrize_with_checks,
)

from skflow.compose import TransformedDensity

LOG = FunctionTransformer(np.log, np.exp)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 2)) @ [[1.0, 0.4], [0.0, 0.5]] * [40, 0.3] + [7, 1]
POSITIVE = np.exp(X / [40, 0.3])


def kernels(transformer="passthrough", bandwidth=0.3):
    return TransformedDensity(transformer, KernelDensity(bandwidth=bandwidth))


def test_gaussian_behind_a_scaler_by_hand():
    density = TransformedDensity(StandardScaler(), GaussianMixture(reg_covar=0)).fit(X)
    expected = multivariate_normal(X.mean(axis=0), np.cov(X.T, bias=True)).logpdf(X)
    np.testing.assert_allclose(density.score_samples(X), expected, rtol=1e-9)
    assert density.score(X) == pytest.approx(expected.mean())


def test_lognormal_by_hand():
    rows = np.exp(RNG.normal(size=(400, 1)) * 0.5 + 2)
    density = TransformedDensity(LOG, GaussianMixture(reg_covar=0)).fit(rows)
    mean, std = np.log(rows).mean(), np.log(rows).std()
    expected = norm(mean, std).logpdf(np.log(rows)) - np.log(rows)
    np.testing.assert_allclose(density.score_samples(rows), expected[:, 0], atol=1e-8)
    drawn = density.sample(20_000, random_state=0)
    assert kstest(np.log(drawn[:, 0]), norm(mean, std).cdf).pvalue > 1e-3


def test_units_shift_the_log_density():
    fitted = [kernels(StandardScaler()).fit(X * unit).score_samples(X * unit) for unit in (1, 1e3)]
    np.testing.assert_allclose(fitted[0] - fitted[1], 2 * np.log(1e3))


def test_passthrough_is_the_density_itself():
    np.testing.assert_array_equal(
        kernels().fit(X).score_samples(X), KernelDensity(bandwidth=0.3).fit(X).score_samples(X)
    )


def test_it_may_be_nested():
    inner = TransformedDensity(PCA(whiten=True), GaussianMixture(reg_covar=0))
    np.testing.assert_allclose(
        TransformedDensity(LOG, inner).fit(POSITIVE).score_samples(POSITIVE),
        TransformedDensity(make_pipeline(LOG, PCA(whiten=True)), inner.density)
        .fit(POSITIVE)
        .score_samples(POSITIVE),
    )


def test_score_is_the_mean_and_a_float():
    density = kernels(StandardScaler()).fit(X)
    scores, weights = density.score_samples(X), np.arange(300)
    assert type(density.score(X)) is float
    assert density.score(X) == pytest.approx(scores.mean())
    expected = weights @ scores / weights.sum()
    assert density.score(X, sample_weight=weights) == pytest.approx(expected)
    with pytest.raises(ValueError, match="Negative values"):
        density.score(X, sample_weight=weights - 1)


@pytest.mark.parametrize(
    "transformer",
    [StandardScaler(), PowerTransformer("box-cox"), PCA(whiten=True), make_pipeline(LOG, PCA())],
    ids=lambda t: type(t).__name__,
)
@pytest.mark.parametrize("density", ["kernels", "mixture", "flow"])
def test_samples_agree_with_scores(transformer, density, quick):
    inner = {
        "kernels": KernelDensity(bandwidth=0.2),
        "mixture": GaussianMixture(2),
        "flow": quick(),
    }
    fitted = TransformedDensity(transformer, inner[density]).fit(POSITIVE)
    drawn = fitted.sample(4000, random_state=0)
    assert drawn.shape == (4000, 2)
    # the mass of a box, by its share of the draws and by the integral of the density
    low, high = np.quantile(POSITIVE, [0.2, 0.7], axis=0)
    share = ((drawn > low) & (drawn < high)).all(axis=1).mean()
    edges = np.linspace(low, high, 101)
    grid = np.stack(np.meshgrid(*((edges[1:] + edges[:-1]) / 2).T), axis=-1).reshape(-1, 2)
    mass = np.exp(fitted.score_samples(grid)).mean() * np.prod(high - low)
    assert share == pytest.approx(mass, abs=4 * np.sqrt(mass * (1 - mass) / 4000))


@pytest.mark.parametrize("inner", [KernelDensity(), GaussianMixture(2, random_state=0)], ids=repr)
def test_seeds_of_samples(inner):
    density = TransformedDensity(StandardScaler(), inner).fit(X)
    np.testing.assert_array_equal(density.sample(9, random_state=3), density.sample(9, 3))
    assert not np.isin(density.sample(9), density.sample(9)).any()
    assert not np.isin(density.sample(9, 3), density.sample(9, 4)).any()
    assert density.sample().shape == (1, 2)
    with pytest.raises(ValueError, match="n_samples=0"):
        density.sample(0)


class Scores:
    """A user's density, with just what is asked for."""

    def fit(self, X):
        return self

    def get_params(self, deep=True):
        return {}

    def score_samples(self, X):
        return norm.logpdf(X).sum(axis=1)


def test_a_density_without_sample():
    density = TransformedDensity(StandardScaler(), Scores())
    assert hasattr(kernels(), "sample")
    assert not hasattr(density, "sample")
    expected = norm(X.mean(axis=0), X.std(axis=0)).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(density.fit(X).score_samples(X), expected)
    assert not hasattr(density, "sample")


def test_one_search_over_transformers_and_densities():
    search = GridSearchCV(
        kernels(),
        [
            {"transformer": ["passthrough", StandardScaler()], "density__bandwidth": [0.1, 0.5]},
            {
                "transformer": [PowerTransformer()],
                "transformer__method": ["box-cox", "yeo-johnson"],
                "density": [GaussianMixture()],
            },
        ],
        cv=KFold(3),
        error_score="raise",
    ).fit(POSITIVE)
    assert search.best_params_["transformer__method"] == "box-cox"
    by_hand = [
        clone(search.best_estimator_).fit(POSITIVE[train]).score(POSITIVE[test])
        for train, test in KFold(3).split(POSITIVE)
    ]
    assert search.best_score_ == pytest.approx(np.mean(by_hand))


def test_clone_and_pickle():
    density = kernels(make_pipeline(StandardScaler(), PowerTransformer())).fit(X)
    copy = clone(density)
    assert not hasattr(copy, "transformer_")
    assert not hasattr(density.transformer, "n_features_in_")
    again = pickle.loads(pickle.dumps(density))
    for other in (copy.fit(X), again):
        np.testing.assert_array_equal(other.score_samples(X), density.score_samples(X))
        np.testing.assert_array_equal(other.sample(5, 0), density.sample(5, 0))


def test_html_repr_shows_the_parts():
    html = kernels(StandardScaler()).fit(X)._repr_html_()
    assert "StandardScaler" in html
    assert "KernelDensity" in html


ALL_ROUND = ColumnTransformer(
    [("power", PowerTransformer(), ["u"])], remainder=QuantileTransformer(n_quantiles=50)
)


@pytest.mark.parametrize("output", ["default", "pandas"])
@pytest.mark.parametrize("transformer", [ALL_ROUND, make_pipeline(StandardScaler(), PCA()), LOG])
def test_feature_names(transformer, output):
    frame = pd.DataFrame(POSITIVE, columns=["u", "v"])
    transformer = clone(transformer)
    if output == "pandas" and transformer is not LOG and hasattr(transformer, "set_output"):
        transformer.set_output(transform=output)
    density = kernels(transformer).fit(frame)
    assert density.feature_names_in_.tolist() == ["u", "v"]
    assert density.n_features_in_ == 2
    assert np.isfinite(density.score_samples(frame)).all()
    assert density.sample(3, random_state=0).shape == (3, 2)
    with pytest.raises(ValueError, match=r"(?s)feature names.*\bw\b"):
        density.score_samples(frame.rename(columns={"v": "w"}))
    with pytest.raises(ValueError, match=r"(?s)feature names.*order"):
        density.score_samples(frame[["v", "u"]])


@pytest.mark.parametrize("dtype", [np.int64, np.float32, "Float64"])
def test_frames_of_other_types(dtype):
    frame = pd.DataFrame(POSITIVE.round() + 1, columns=["u", "v"])
    transformer = FunctionTransformer(np.log, np.exp, check_inverse=False)
    expected = kernels(transformer).fit(frame).score_samples(frame)
    other = frame.astype(dtype)
    scores = kernels(transformer).fit(other).score_samples(other)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


WEIGHTS = RNG.integers(1, 5, 300)


def test_weights_go_to_the_density_without_routing():
    density = kernels(StandardScaler()).fit(X, sample_weight=WEIGHTS)
    scaled = StandardScaler().fit_transform(X)
    inner = KernelDensity(bandwidth=0.3).fit(scaled, sample_weight=WEIGHTS)
    expected = inner.score_samples(scaled) - np.log(X.std(axis=0)).sum()
    np.testing.assert_allclose(density.score_samples(X), expected)
    with pytest.raises(TypeError, match="sample_weight"):
        TransformedDensity(StandardScaler(), GaussianMixture()).fit(X, sample_weight=WEIGHTS)


def test_weights_are_repetitions_where_routed_to_both():
    with config_context(enable_metadata_routing=True):
        density = TransformedDensity(
            StandardScaler().set_fit_request(sample_weight=True),
            KernelDensity(bandwidth=0.3).set_fit_request(sample_weight=True),
        ).fit(X, sample_weight=WEIGHTS)
    repeated = kernels(StandardScaler()).fit(np.repeat(X, WEIGHTS, axis=0))
    np.testing.assert_allclose(density.score_samples(X), repeated.score_samples(X))


def test_weights_are_routed_through_cross_validate():
    with config_context(enable_metadata_routing=True):
        density = TransformedDensity(
            StandardScaler().set_fit_request(sample_weight=False),
            KernelDensity(bandwidth=0.3).set_fit_request(sample_weight=True),
        ).set_score_request(sample_weight=True)
        scores = cross_validate(
            density, X, cv=KFold(3), params={"sample_weight": WEIGHTS}, error_score="raise"
        )["test_score"]
    expected = [
        kernels(StandardScaler())
        .fit(X[train], sample_weight=WEIGHTS[train])
        .score(X[test], sample_weight=WEIGHTS[test])
        for train, test in KFold(3).split(X)
    ]
    np.testing.assert_allclose(scores, expected)


def test_unrequested_weights_are_an_error_of_routing():
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(ValueError, match="not explic"),
    ):
        kernels(StandardScaler()).fit(X, sample_weight=WEIGHTS)


@pytest.mark.parametrize(
    "transformer", [Normalizer(), KBinsDiscretizer(encode="ordinal")], ids=repr
)
def test_unknown_transformers(transformer):
    kind = type(transformer).__name__
    with pytest.raises(TypeError, match=rf"(?s)known for {kind}.*log_abs_det.register\({kind}\)"):
        kernels(transformer).fit(X)


@pytest.mark.parametrize(
    ("transformer", "message"),
    [
        (PCA(1), r"PCA maps 2 columns to 1, .* no density .* Keep all 2"),
        (
            MinMaxScaler(clip=True),
            r"MinMaxScaler\(clip=True\) maps all values beyond .* clip=False",
        ),
        (MaxAbsScaler(clip=True), r"MaxAbsScaler\(clip=True\)"),
        (FunctionTransformer(np.log), r"no inverse_func"),
        (
            FunctionTransformer(np.log, np.exp, check_inverse=False),
            r"Row \d+ of X, .* domain .*more",
        ),
        ("standard", r"'transformer' parameter .* must be .* 'standard'"),
    ],
    ids=str,
)
def test_transformers_that_leave_no_density(transformer, message):
    with pytest.raises(ValueError, match=message):
        kernels(transformer).fit(X)


def test_an_inner_thing_that_is_no_density():
    with pytest.raises(ValueError, match=r"'density' parameter .*score_samples"):
        TransformedDensity(StandardScaler(), StandardScaler()).fit(X)


def test_bad_rows(quick):
    density = kernels(StandardScaler())
    bad = X.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match=r"NaN in column 1 \(first in row 3"):
        density.fit(bad)
    with pytest.raises(ValueError, match="NaN in column 'v'"):
        density.fit(pd.DataFrame(bad, columns=["u", "v"]))
    with pytest.raises(ValueError, match="minimum of 2"):
        TransformedDensity(StandardScaler(), quick()).fit(X[:1])
    with pytest.raises(NotFittedError):
        density.score_samples(X)
    density.fit(X)
    with pytest.raises(ValueError, match="NaN in column 1"):
        density.score_samples(bad)
    with pytest.raises(
        ValueError, match=r"X has 3 features, but TransformedDensity .* expecting 2"
    ):
        density.score_samples(np.zeros((4, 3)))


def test_one_row_one_column_and_a_constant_column():
    assert kernels(StandardScaler()).fit([[5.0]]).score_samples([[5.0]]) == pytest.approx(
        norm.logpdf(0, scale=0.3)
    )
    flat = np.column_stack([X[:, 0], np.full(300, 2.0)])
    alone = kernels(StandardScaler()).fit(X[:, :1]).score_samples(X[:, :1])
    both = kernels(StandardScaler()).fit(flat).score_samples(flat)
    np.testing.assert_allclose(both - alone, norm.logpdf(0, scale=0.3))


def never_skipped(check, *args):
    try:
        check(*args)
    except SkipTest as skipped:
        pytest.fail(f"a check was skipped: {skipped}")


CHECKED = [
    kernels(StandardScaler()),
    kernels(make_pipeline(StandardScaler(), PowerTransformer())),
    kernels(ColumnTransformer([("power", PowerTransformer(), [0])], remainder="passthrough")),
]


@parametrize_with_checks(CHECKED)
def test_estimator_checks(estimator, check):
    never_skipped(check, estimator)


@pytest.mark.parametrize(
    "check", [check_dataframe_column_names_consistency, check_inplace_ensure_writeable]
)
def test_checks_that_scikit_learn_runs_on_its_own(check):
    never_skipped(check, "TransformedDensity", kernels(StandardScaler()))
