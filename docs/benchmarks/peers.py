"""Peers with `fit` and `score_samples`, whose log-likelihoods are in the units of the data."""

import copy
import time

import numpy as np


class Standardized:
    """Standardize, delegate to `_fit` and `_score`, and add the log-determinant."""

    def fit(self, X):
        self.mean_, self.scale_ = X.mean(0), X.std(0)
        self._fit(self._standardize(X))
        return self

    def score_samples(self, X):
        return self._score(self._standardize(X)) - np.log(self.scale_).sum()

    def _standardize(self, X):
        return (X - self.mean_) / self.scale_


class KDE(Standardized):
    """scikit-learn's KernelDensity with a bandwidth from a five-fold search."""

    def _fit(self, Z):
        from sklearn.model_selection import GridSearchCV
        from sklearn.neighbors import KernelDensity

        subset = Z[np.random.default_rng(0).permutation(len(Z))[:2000]]
        grid = {"bandwidth": np.logspace(-2, 0.3, 20)}
        bandwidth = GridSearchCV(KernelDensity(), grid, cv=5).fit(subset).best_params_["bandwidth"]
        bandwidth *= (len(subset) / len(Z)) ** (1 / (Z.shape[1] + 4))  # Scott's rate
        self.model_ = KernelDensity(bandwidth=bandwidth).fit(Z)

    def _score(self, Z):
        return self.model_.score_samples(Z)


class GMM(Standardized):
    """scikit-learn's GaussianMixture, full covariances, components by BIC."""

    def _fit(self, Z):
        from sklearn.mixture import GaussianMixture

        best, n_worse = np.inf, 0
        for k in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32):
            if k * (Z.shape[1] + 1) > len(Z) or n_worse == 2:
                break
            model = GaussianMixture(k, reg_covar=1e-4, random_state=0, max_iter=200).fit(Z)
            bic = model.bic(Z)
            n_worse = 0 if bic < best else n_worse + 1
            if bic < best:
                best, self.model_ = bic, model

    def _score(self, Z):
        return self.model_.score_samples(Z)


class Vine:
    """pyvinecopulib's nonparametric vine copula with kernel margins."""

    def fit(self, X):
        import pyvinecopulib as pv

        self.margins_ = [pv.Kde1d() for _ in X.T]
        for margin, column in zip(self.margins_, X.T, strict=True):
            margin.fit(column)
        self.copula_ = None
        if X.shape[1] > 1:
            controls = pv.FitControlsVinecop(family_set=[pv.indep, pv.tll], num_threads=1)
            self.copula_ = pv.Vinecop.from_data(self._uniform(X), controls=controls)
        return self

    def score_samples(self, X):
        margins = zip(self.margins_, X.T, strict=True)
        log_prob = sum(np.log(np.maximum(m.pdf(column), 1e-300)) for m, column in margins)
        if self.copula_ is None:
            return log_prob
        return log_prob + np.log(np.maximum(self.copula_.pdf(self._uniform(X)), 1e-300))

    def _uniform(self, X):
        margins = zip(self.margins_, X.T, strict=True)
        return np.clip(np.column_stack([m.cdf(column) for m, column in margins]), 1e-6, 1 - 1e-6)


class TorchLoop(Standardized):
    """A usual training loop for the torch flow that `build` makes.

    Adam, minibatches, early stopping on a tenth of the samples, and the best weights restored.
    """

    learning_rate, batch_size, patience, epochs = 1e-3, 256, 20, 500
    seconds = np.inf  # limit of processor time, checked after each epoch

    def log_prob(self, z):
        return self.flow_.log_prob(z)

    def _fit(self, Z):
        import torch

        start = time.process_time()
        torch.manual_seed(0)
        rows = torch.as_tensor(Z, dtype=torch.float32)
        n_held_out = max(1, len(rows) // 10)
        held_out, train = rows[torch.randperm(len(rows))].split(
            [n_held_out, len(rows) - n_held_out]
        )
        self.flow_ = self.build(Z.shape[1])
        optimizer = torch.optim.Adam(self.flow_.parameters(), lr=self.learning_rate)
        best, n_no_change, state = np.inf, 0, self.flow_.state_dict()
        for _ in range(self.epochs):
            self._train_one_epoch(train, optimizer)
            with torch.no_grad():
                loss = -torch.cat([self.log_prob(c) for c in held_out.split(4096)]).mean().item()
            n_no_change = 0 if loss < best - 1e-4 else n_no_change + 1
            if n_no_change == 0:
                best, state = loss, copy.deepcopy(self.flow_.state_dict())
            if n_no_change == self.patience or time.process_time() - start > self.seconds:
                break
        self.flow_.load_state_dict(state)
        self.flow_.eval()

    def _train_one_epoch(self, train, optimizer):
        import torch

        self.flow_.train()
        for batch in train[torch.randperm(len(train))].split(self.batch_size):
            loss = -self.log_prob(batch).mean()
            if len(batch) > 1 and torch.isfinite(loss):
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        self.flow_.eval()

    def _score(self, Z):
        import torch

        with torch.no_grad():
            rows = torch.as_tensor(Z, dtype=torch.float32)
            return torch.cat([self.log_prob(c) for c in rows.split(4096)]).double().numpy()


class ZukoNSF(TorchLoop):
    """zuko's autoregressive splines."""

    def build(self, d):
        import zuko

        return zuko.flows.NSF(d, transforms=3, hidden_features=(64, 64))

    def log_prob(self, z):
        return self.flow_().log_prob(z)


class ZukoCNF(TorchLoop):
    """zuko's continuous flow, by an adaptive solver with the exact trace."""

    seconds = 100

    def build(self, d):
        import zuko

        return zuko.flows.CNF(d, hidden_features=(64, 64))

    def log_prob(self, z):
        return self.flow_().log_prob(z)


class TorchCFM(TorchLoop):
    """torchcfm's flow matching, with two layers of 64 units.

    It trains for all epochs, and restores the weights with the lowest loss on held-out samples,
    for which the noise is the same after every epoch. Scored by our own Runge-Kutta steps, with
    the exact trace.
    """

    seconds, patience, steps = 100, 500, 50

    def build(self, d):
        import torch
        from torch import nn

        self.matcher_ = self.matcher()
        layers = [nn.Linear(d + 1, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, d)]
        net = nn.Sequential(*layers)
        self.velocity_ = lambda z, t: net(torch.cat([z, t.expand(len(z), 1)], 1))
        return net

    def matcher(self):
        from torchcfm.conditional_flow_matching import ConditionalFlowMatcher

        return ConditionalFlowMatcher(sigma=0.0)

    def log_prob(self, z):
        """Minus the squared error of the velocity, which the training loop maximizes."""
        import torch

        if not self.flow_.training:
            with torch.random.fork_rng():
                torch.manual_seed(1)
                return self._minus_squared_error(z)
        return self._minus_squared_error(z)

    def _minus_squared_error(self, z):
        import torch

        # from noise at time 0 to samples at time 1
        t, location, target = self.matcher_.sample_location_and_conditional_flow(
            torch.randn_like(z), z
        )
        return -(self.velocity_(location, t[:, None]) - target).square().sum(1)

    def _score(self, Z):
        import torch

        rows = torch.as_tensor(Z, dtype=torch.float32)
        return torch.cat([self._log_likelihood(c) for c in rows.split(4096)]).double().numpy()

    def _log_likelihood(self, z):
        """From time 1 back to the noise, by the classical Runge-Kutta method of fourth order."""
        import torch

        log_det, step = torch.zeros(len(z)), -1 / self.steps
        for k in range(self.steps):
            t, velocities, traces = torch.tensor(1 + k * step), [], []
            for fraction in (0, 0.5, 0.5, 1):
                at = z + step * fraction * velocities[-1] if velocities else z
                velocity, trace = self._velocity_and_trace(at, t + fraction * step)
                velocities.append(velocity)
                traces.append(trace)
            z, log_det = (
                start + step / 6 * (a + 2 * b + 2 * c + d)
                for start, (a, b, c, d) in ((z, velocities), (log_det, traces))
            )
        base = torch.distributions.Normal(0, 1)
        return base.log_prob(z).sum(1) + log_det

    def _velocity_and_trace(self, z, t):
        import torch

        with torch.enable_grad():
            z = z.detach().requires_grad_()
            velocity = self.velocity_(z, t)
            trace = sum(
                torch.autograd.grad(velocity[:, j].sum(), z, retain_graph=True)[0][:, j]
                for j in range(z.shape[1])
            )
        return velocity.detach(), trace.detach()


class TorchCFMOT(TorchCFM):
    """torchcfm's flow matching, whose minibatches are coupled by optimal transport."""

    def matcher(self):
        from torchcfm.conditional_flow_matching import ExactOptimalTransportConditionalFlowMatcher

        return ExactOptimalTransportConditionalFlowMatcher(sigma=0.0)


class NormflowsNSF(TorchLoop):
    """normflows' spline couplings with LU layers, as in its README."""

    def build(self, d):
        import normflows as nf

        bijections = []
        for _ in range(4):
            bijections.append(nf.flows.CoupledRationalQuadraticSpline(d, 2, 64))
            bijections.append(nf.flows.LULinearPermute(d))
        return nf.NormalizingFlow(nf.distributions.DiagGaussian(d, trainable=False), bijections)


class NflowsNSF(TorchLoop):
    """nflows' autoregressive splines with LU layers."""

    def build(self, d):
        from nflows import distributions, flows, transforms

        bijections = []
        for _ in range(5):
            if d > 1:
                bijections.append(transforms.LULinear(d, identity_init=True))
            bijections.append(
                transforms.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                    features=d,
                    hidden_features=64,
                    num_blocks=2,
                    num_bins=8,
                    tails="linear",
                    tail_bound=5.0,
                )
            )
        base = distributions.StandardNormal([d])
        return flows.Flow(transforms.CompositeTransform(bijections), base)


class Flowjax(Standardized):
    """flowjax's masked autoregressive splines, trained by its fit_to_data."""

    def _fit(self, Z):
        import jax.numpy as jnp
        import jax.random as jr
        from flowjax.bijections import RationalQuadraticSpline
        from flowjax.distributions import Normal
        from flowjax.flows import masked_autoregressive_flow
        from flowjax.train import fit_to_data

        build, train = jr.split(jr.key(0))
        flow = masked_autoregressive_flow(
            build,
            base_dist=Normal(jnp.zeros(Z.shape[1])),
            transformer=RationalQuadraticSpline(knots=8, interval=4),
        )
        rows = jnp.asarray(Z, dtype=jnp.float32)
        self.flow_, _ = fit_to_data(
            train,
            flow,
            rows,
            learning_rate=1e-3,
            max_epochs=500,
            max_patience=20,
            batch_size=256,
            show_progress=False,
        )

    def _score(self, Z):
        import jax.numpy as jnp

        blocks = np.array_split(Z, max(1, len(Z) // 4096))
        scores = [self.flow_.log_prob(jnp.asarray(b, dtype=jnp.float32)) for b in blocks]
        return np.concatenate([np.asarray(s, dtype=float) for s in scores])


PEERS = {
    p.__name__: p
    for p in (
        KDE,
        GMM,
        Vine,
        ZukoNSF,
        ZukoCNF,
        TorchCFM,
        TorchCFMOT,
        NormflowsNSF,
        NflowsNSF,
        Flowjax,
    )
}
