"""The ensemble: where its flows start, what they train on, and when training is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Generator

from skflow.fitting.ensemble import EnsembleTrainer, new_ensemble
from skflow.fitting.fit_context import FitContext, Monitor
from skflow.fitting.fit_density import deal_splits
from skflow.fitting.initial_fit import StudentTInitialFit
from skflow.fitting.model_selection import SelectedModels
from skflow.fitting.stages import Stages
from skflow.fitting.student_t import StudentTShape
from skflow.fitting.untrained_components import untrained_components
from skflow.preprocessing.marginals import Marginals
from skflow.runtime.process_group import ProcessGroup
from tests.fitting.examples import config_for, dataset, normal_samples

N = 200
SMALL = {"n_estimators": 2, "n_transforms": 1, "hidden_layer_sizes": 8}
CONFIG = config_for(N, 2, max_iter=30, **SMALL)
X = normal_samples(N)
DATA = dataset(np.column_stack([X[:, 0], X[:, 0] ** 2 + X[:, 1]]))  # bent, so flows improve
SPLITS = deal_splits(N, CONFIG, np.random.default_rng(0))


def members(config=CONFIG):
    """New members, each behind the initial fit of its own training samples."""
    selected = SelectedModels(
        Marginals("standardize"), StudentTInitialFit(StudentTShape(5.0, 1e-4))
    )
    initial_fits = [
        untrained_components(DATA.take(split.train), selected, config)["start"] for split in SPLITS
    ]
    return new_ensemble(initial_fits, 5.0, config, Generator().manual_seed(0)), initial_fits


def trainer(config=CONFIG, fit=None, data=DATA, splits=SPLITS):
    fit = fit or FitContext(0)
    new_members, _ = members(config)
    return EnsembleTrainer(new_members, splits, data, config, Generator().manual_seed(1), fit)


def test_members_start_near_their_own_initial_fits():
    """A flow near the identity leaves the density as it is."""
    flows, initial_fits = trainer().components(), members()[1]
    assert len(flows) == len(initial_fits) == 2
    for flow, initial in zip(flows, initial_fits, strict=True):
        difference = flow.log_prob(DATA) - initial.log_prob(DATA)
        assert difference.abs().max() < 0.2
        assert (initial.spec.learned, flow.spec.learned) == (False, True)
        assert flow.spec.bijections == initial.spec.bijections
    assert not torch.equal(flows[0].log_prob(DATA), flows[1].log_prob(DATA))


def test_training_changes_the_flows_but_not_their_initial_fits():
    training = trainer()
    before = [flow.log_prob(DATA) for flow in training.components()]
    transforms = [member.transform(DATA.x)[0] for member in training._members]
    history = training.run()
    assert history.best_score > history.scores[0] + 0.01
    assert history.n_epochs == len(history.losses) == 30
    for flow, earlier in zip(training.components(), before, strict=True):
        assert float((flow.log_prob(DATA) - earlier).mean()) > 0.01
    for member, z in zip(training._members, transforms, strict=True):
        assert torch.equal(member.transform(DATA.x)[0], z)


def test_components_are_in_float64_and_in_evaluation_mode():
    for component in trainer().components():
        assert all(p.dtype == torch.float64 for p in component.flow.parameters())
        assert not component.flow.training


def test_scores_are_held_out_log_likelihoods_in_the_units_of_the_data():
    """With a learning rate of about 0 they are those of the initial flows."""
    config = config_for(N, 2, max_iter=10, learning_rate_init=1e-9, dropout=0.0, **SMALL)
    training = trainer(config)
    expected = np.mean(
        [
            float(flow.log_prob(DATA.take(split.held_out)).mean())
            for flow, split in zip(training.components(), SPLITS, strict=True)
        ]
    )
    history = training.run()
    assert history.scores[0] == pytest.approx(expected, abs=1e-4)
    scaled = replace(DATA, log_det=torch.full_like(DATA.weights, -3.5))
    other = trainer(config, data=scaled).run()
    assert other.scores[0] == pytest.approx(history.scores[0] - 3.5, abs=1e-9)
    assert other.losses[0] == pytest.approx(history.losses[0] + 3.5, abs=1e-9)


def test_the_deadline_ends_training_after_the_first_check():
    stages = Stages(max_time=-1.0)
    history = trainer(fit=FitContext(0, stages=stages)).run()
    assert stages.ending.cause == "out of time"
    assert len(history.scores) == 1
    assert history.n_epochs == 0


def test_progress_counts_epochs_up_to_their_maximum():
    seen = []

    def report(updates):
        for update in updates:
            seen.append((update.epoch, update.n_epochs))
            yield update

    history = trainer(fit=FitContext(0, monitor=Monitor(report))).run()
    assert seen[0] == (0, 30)
    assert seen[-1] == (history.n_epochs, 30) == (30, 30)


class Many(ProcessGroup):
    """A process group of 50 processes."""

    size = 50


def test_more_processes_than_held_out_samples_are_refused():
    with pytest.raises(ValueError, match=r"^200 rows are too few for 50 processes.*one process"):
        trainer(fit=FitContext(0, processes=Many()))
