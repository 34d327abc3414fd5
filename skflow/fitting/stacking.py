"""The safety net: how much each part of the density is to be trusted."""

import numpy as np
from scipy.special import softmax

_ITERATIONS = 200


def stacking_weights(log_prob: np.ndarray, weights: np.ndarray, net: int) -> np.ndarray:
    """Weights of a mixture of given densities, by EM on rows that none of them has seen.

    Parameters
    ----------
    log_prob : ndarray of shape (n, parts)
        log p of every part at the rows.
    weights : ndarray of shape (n,)
        Of the rows, with mean 1.
    net : int
        The part that gets one row more than it earns, so that its weight is at least
        1 / (n + 1): the one with the widest tails.

    Returns
    -------
    ndarray of shape (parts,)
        On the simplex.
    """
    n_parts = log_prob.shape[1]
    pseudo = np.zeros(n_parts)
    pseudo[net] = 1.0
    share = np.full(n_parts, 1 / n_parts)
    for _ in range(_ITERATIONS):
        with np.errstate(divide="ignore"):
            membership = softmax(log_prob + np.log(share), axis=1)
        share = (weights @ membership + pseudo) / (weights.sum() + 1)
    return share
