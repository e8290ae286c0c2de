"""Multinomial logistic regression over dense and sparse features together, fitted with L-BFGS.

Written out because the usual library would be the largest package of the bot's environment, for this one function.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def fit(
    dense: np.ndarray,
    sparse: csr_matrix,
    classes: np.ndarray,
    sample_weights: np.ndarray,
    *,
    strength: float,
    iterations: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fits the weights from zero, so that the same data give the same model.

    Args:
        dense: one row per sentence, float32.
        sparse: the same sentences, float32.
        classes: the class of each sentence, 0 to k - 1.
        sample_weights: how much each sentence counts.
        strength: inverse of the regularization; larger follows the data more closely.
        iterations: upper bound; the fit ends earlier when it no longer improves.

    Returns:
        Dense weights, sparse weights and bias, one column per class, float32.
    """
    count = int(classes.max()) + 1
    wide, thin = dense.shape[1], sparse.shape[1]
    wanted = np.eye(count, dtype=np.float32)[classes]
    weights = sample_weights.astype(np.float32)[:, None]
    sparse_t = sparse.T.tocsr()

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(wide + thin + 1, count)
        current = table.astype(np.float32)
        logits = dense @ current[:wide] + sparse @ current[wide:-1] + current[-1]
        likely = probabilities(logits)
        fitted = np.log(np.maximum((likely * wanted).sum(axis=1, keepdims=True), 1e-30))
        error = weights * (likely - wanted)
        gradient = np.vstack([dense.T @ error, sparse_t @ error, error.sum(axis=0, keepdims=True)]).astype(np.float64)
        gradient *= strength
        gradient[:-1] += table[:-1]
        penalty = 0.5 * float((table[:-1] ** 2).sum())
        return penalty - strength * float((weights * fitted).sum()), gradient.ravel()

    start = np.zeros((wide + thin + 1) * count)
    options = {"maxiter": iterations, "maxcor": 10, "ftol": 1e-7, "gtol": 1e-3}
    found = minimize(loss_and_gradient, start, jac=True, method="L-BFGS-B", options=options)
    table = found.x.reshape(wide + thin + 1, count).astype(np.float32)
    return table[:wide], table[wide:-1], table[-1]
