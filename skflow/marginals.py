"""Marginal links: what happens to every column on its own, before columns meet."""

from torch import Tensor

from skflow.flows.bijections import Bijection, Chain, Standardize, YeoJohnson


def fit_marginals(kind: str, x: Tensor, weights: Tensor) -> list[Bijection]:
    """Links that bring the columns of x (n, d) to about standard normal.

    Parameters
    ----------
    kind : {"standardize", "yeo-johnson"}
    x : Tensor of shape (n, d)
    weights : Tensor of shape (n,)

    Returns
    -------
    list of Bijection
        Fixed, in float64.
    """
    if kind == "standardize":
        return [Standardize.fit(x, weights)]
    links: list[Bijection] = []
    for fit in (_centre, YeoJohnson.fit, Standardize.fit):
        image, _ = Chain(links)(x)
        links.append(fit(image, weights))
    return links


def _centre(x: Tensor, weights: Tensor) -> Standardize:
    """Median and standard deviation: a power transform needs to know left from right."""
    by_size = x.argsort(dim=0)
    share = weights[by_size].cumsum(0) / weights.sum()
    middle = (share < 0.5).sum(0, keepdim=True)
    median = x.gather(0, by_size.gather(0, middle)).squeeze(0)
    return Standardize(median, Standardize.fit(x, weights).scale)
