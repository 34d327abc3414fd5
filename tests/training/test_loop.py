"""The training loop: loss, validation checks, parameters kept, divergence."""

from contextlib import closing
from dataclasses import replace

import pytest
import torch
from torch import Generator, nn

from skflow.flows.bijections import Chain
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.normal_and_t import MultivariateT
from skflow.flows.families import build_bijections
from skflow.flows.layers import LayerConfig
from skflow.training.loop import TrainingConfig, TrainingLoop, validate
from skflow.training.stacked_flows import StackedFlows
from skflow.training.stacked_rows import StackedRows

CONFIG = TrainingConfig(n_steps=60, batch_size=50, learning_rate=0.01, check_every=5)


def make_flows(n_members=2, family="nsf_ar", dropout=0.0):
    flows = []
    for seed in range(n_members):
        sizes = LayerConfig(2, hidden_layer_sizes=(8, 8), n_bins=4, dropout=dropout)
        bijections = build_bijections(family, 1, sizes, Generator().manual_seed(seed))
        flows.append(Flow(Chain(bijections), MultivariateT(2, 5.0)))
    return StackedFlows(flows)


def moons(n, seed):
    """Two half circles, at unit scale."""
    generator = Generator().manual_seed(seed)
    angle = 3.14 * torch.rand(n, generator=generator)
    side = torch.randint(0, 2, (n,), generator=generator) * 2.0 - 1
    x = torch.stack([angle.cos() + 0.5 * side, side * (angle.sin() - 0.25)], dim=1)
    return 1.3 * x + 0.1 * torch.randn(n, 2, generator=generator)


def rows_of(*tables, weights=None):
    return StackedRows.stack(list(tables), weights or [torch.ones(len(t)) for t in tables])


def two_tables(n=200, seed=0):
    return rows_of(moons(n, seed), moons(n, seed + 1))


def run(stacked, rows, held_out, config=CONFIG, seed=0):
    generator = Generator().manual_seed(seed)
    return list(TrainingLoop(stacked, rows, held_out, config, generator).run())


class Diverging(nn.Module):
    """A base whose log p of one member is NaN in the given calls with gradient."""

    def __init__(self, base, member, calls):
        super().__init__()
        self.base, self.member, self.calls = base, member, calls
        self.n_calls = 0

    def log_prob(self, z, context=None):
        log_p = self.base.log_prob(z, context)
        if not torch.is_grad_enabled():
            return log_p
        self.n_calls += 1
        diverges = torch.zeros(len(log_p), 1, dtype=torch.bool)
        diverges[self.member] = self.n_calls - 1 in self.calls
        return log_p * torch.where(diverges, torch.nan, 1.0)


def make_diverge(stacked, member, calls):
    stacked.flow.base = Diverging(stacked.flow.base, member, calls)
    return stacked


def test_training_lowers_the_loss_and_keeps_the_best_parameters():
    stacked, held_out = make_flows(), two_tables(seed=5)
    start = validate(stacked, held_out)
    results = run(stacked, two_tables(), held_out)
    last = results[-1]
    assert last.losses[-2] < last.losses[0] - 0.1
    assert (last.early_stopping.scores > start + 0.1).all()
    torch.testing.assert_close(validate(stacked, held_out), last.early_stopping.scores)
    assert torch.equal(stacked.params.detach(), last.early_stopping.params)


def test_best_scores_are_the_highest_of_all_checks():
    config = replace(CONFIG, learning_rate=0.3, patience=100)
    results = run(make_flows(), two_tables(40), two_tables(seed=5), config)
    highest = torch.stack([r.scores for r in results]).max(0).values
    assert torch.equal(results[-1].early_stopping.scores, highest)
    assert (results[-1].scores < highest).any()  # the best check was not the last


def test_checks_score_at_most_max_held_out_rows():
    held_out = two_tables(seed=5)
    start = run(make_flows(), two_tables(), held_out, replace(CONFIG, max_held_out=30))[0]
    torch.testing.assert_close(start.scores, validate(make_flows(), held_out[:30]))
    assert not torch.allclose(start.scores, validate(make_flows(), held_out))


def test_results_at_the_start_and_after_every_check():
    rows, held_out = two_tables(), two_tables(seed=5)
    config = replace(CONFIG, n_steps=23)
    results = run(make_flows(), rows, held_out, config)
    assert [r.step for r in results] == [0, 5, 10, 15, 20, 23]
    assert [r.epoch for r in results] == [0, 2, 3, 4, 5, 6]  # 4 batches an epoch
    assert all(r.n_steps == 23 for r in results)
    assert torch.equal(results[0].scores, validate(make_flows(), held_out))


def test_one_loss_per_epoch():
    config = replace(CONFIG, n_steps=12, learning_rate=1e-12)  # 3 epochs of 4 batches
    stacked, rows = make_flows(), two_tables()
    expected = -validate(stacked, rows).mean()
    losses = run(stacked, rows, None, config)[-1].losses
    torch.testing.assert_close(torch.tensor(losses), expected.expand(3), rtol=1e-4, atol=1e-4)


def test_the_loss_of_an_incomplete_epoch_is_a_mean_too():
    config = replace(CONFIG, n_steps=6, learning_rate=1e-12)  # 1.5 epochs
    stacked, rows = make_flows(), two_tables()
    expected = -validate(stacked, rows).mean()
    losses = run(stacked, rows, None, config)[-1].losses
    assert losses[0] == pytest.approx(expected.item(), abs=1e-3)
    assert all(loss == pytest.approx(expected.item(), abs=0.3) for loss in losses)


@pytest.mark.parametrize("with_held_out", [True, False])
def test_closing_the_generator_keeps_the_best_parameters(with_held_out):
    """The parameters are those of training that ended at that check."""
    held_out = two_tables(seed=5) if with_held_out else None
    stacked = make_flows()
    start = stacked.params.detach().clone()
    training = TrainingLoop(stacked, two_tables(), held_out, CONFIG, Generator().manual_seed(0))
    results = training.run()
    with closing(results):
        for result in results:
            if result.step == 30:
                in_training = stacked.params.detach().clone()
                break
    assert not torch.equal(stacked.params.detach(), start)
    assert not torch.equal(stacked.params.detach(), in_training)
    if held_out is not None:
        assert torch.equal(stacked.params.detach(), result.early_stopping.params)


def test_without_held_out_rows_the_averaged_parameters_are_kept():
    stacked, rows = make_flows(), two_tables()
    before = validate(stacked, rows)
    results = run(stacked, rows, None)
    assert results[-1].scores is None
    assert results[-1].early_stopping is None
    assert (validate(stacked, rows) > before + 0.1).all()


def test_early_stopping_without_improvement():
    config = replace(CONFIG, n_steps=1000, patience=3, tol=1e9)
    results = run(make_flows(), two_tables(), two_tables(seed=5), config)
    assert results[-1].step == 15
    assert len(results[-1].losses) == results[-1].epoch == 4  # the last one is incomplete
    assert results[-1].early_stopping.done


def test_training_continues_while_one_member_improves():
    noise = torch.randn(50, 2, generator=Generator().manual_seed(0))
    rows = rows_of(moons(200, 0), noise)
    held_out = rows_of(moons(200, 5), -3 * noise)
    config = replace(CONFIG, patience=2, tol=1e-3, n_steps=40)
    results = run(make_flows(), rows, held_out, config)
    gains = torch.stack([r.scores for r in results]).diff(dim=0)
    assert (gains[-3:, 1] < 0).all()
    assert results[-1].step == 40


def test_learning_rate_has_warm_up_and_cosine_annealing():
    config = TrainingConfig(n_steps=100, batch_size=1, learning_rate=2.0, warm_up=10)
    assert config.learning_rate_at(0) == pytest.approx(0.2)
    assert config.learning_rate_at(4) == pytest.approx(
        0.5 * (1 + torch.tensor(0.04 * torch.pi).cos())
    )
    assert config.learning_rate_at(50) == pytest.approx(1.0)
    assert config.learning_rate_at(75) == pytest.approx(1 - 0.5**0.5)
    assert config.learning_rate_at(100) == pytest.approx(0, abs=1e-12)
    rates = [config.learning_rate_at(step) for step in range(9, 101)]
    assert rates == sorted(rates, reverse=True)


def test_same_seed_same_result_and_global_generator_is_untouched():
    config = replace(CONFIG, n_steps=10, noise=0.1)
    before = torch.random.get_rng_state()
    results = []
    for seed in (0, 0, 1):
        stacked = make_flows(dropout=0.2)
        run(stacked, two_tables(), two_tables(seed=5), config, seed)
        results.append(stacked.params.detach())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_noise_changes_the_result():
    kept = []
    for noise in (0.0, 0.0, 0.3):
        stacked = make_flows()
        config = replace(CONFIG, n_steps=4, batch_size=1000, noise=noise)
        run(stacked, two_tables(), None, config)
        kept.append(stacked.params.detach())
    assert torch.equal(kept[0], kept[1])
    assert (kept[0] - kept[2]).abs().max() > 1e-4


def test_members_do_not_influence_each_other():
    """The first member's parameters are identical whatever rows the second is trained on."""
    kept = []
    for second in (moons(200, 1), 5 * moons(200, 1)):
        stacked = make_flows()
        rows, held_out = rows_of(moons(200, 0), second), two_tables(seed=5)
        config = replace(CONFIG, noise=0.1, alpha=1e-3, n_steps=20)
        run(stacked, rows, held_out, config)
        kept.append(stacked.params.detach())
    assert torch.equal(kept[0][0], kept[1][0])
    assert not torch.equal(kept[0][1], kept[1][1])


@pytest.mark.parametrize("with_held_out", [True, False])
def test_a_non_finite_row_does_not_spoil_the_parameters(with_held_out):
    held_out = two_tables(seed=5) if with_held_out else None
    spoiled = moons(200, 1)
    spoiled[17, 0] = torch.inf
    kept = []
    for second in (moons(200, 1), spoiled):
        stacked = make_flows()
        run(stacked, rows_of(moons(200, 0), second), held_out)
        kept.append(stacked.params.detach())
    assert torch.equal(kept[0][0], kept[1][0])
    assert kept[1].isfinite().all()
    clean = two_tables(seed=5)
    gain = validate(stacked, clean) - validate(make_flows(), clean)
    assert (gain > 0.1).all()


def test_padding_rows_of_weight_zero_change_nothing():
    """With one batch per epoch, so that both members see all their rows in every step."""
    config = replace(CONFIG, batch_size=1000, n_steps=10, check_every=5)
    kept = []
    for longest in (40, 41):
        stacked = make_flows()
        run(stacked, rows_of(moons(40, 0), moons(longest, 1)), None, config)
        kept.append(stacked.params.detach()[0])
    torch.testing.assert_close(*kept, rtol=1e-2, atol=1e-3)


def test_row_weights_are_equivalent_to_repetition():
    x, repeats = moons(30, 0), torch.arange(30) % 3 + 1
    repeated = x.repeat_interleave(repeats, dim=0)
    weighted = rows_of(x, weights=[repeats / repeats.float().mean()])
    config = replace(CONFIG, batch_size=1000, n_steps=10)
    kept = []
    for rows in (weighted, rows_of(repeated)):
        stacked = make_flows(1)
        run(stacked, rows, None, config)
        kept.append(stacked.params.detach())
    torch.testing.assert_close(*kept, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("with_held_out", [True, False])
def test_persistent_divergence_raises_and_keeps_finite_parameters(with_held_out):
    stacked = make_diverge(make_flows(), 1, range(10_000))
    held_out = two_tables(seed=5) if with_held_out else None
    with pytest.raises(
        FloatingPointError, match=r"1 of 2 ensemble members was.*smaller learning_rate_init"
    ):
        run(stacked, two_tables(), held_out)
    assert stacked.params.isfinite().all()
    assert (
        validate(stacked, two_tables())[0] > validate(make_flows(), two_tables())[0] + 0.02
    ).all()


def test_a_diverged_member_recovers():
    held_out = two_tables(seed=5)
    start = validate(make_flows(), held_out)
    stacked = make_diverge(make_flows(), 1, range(10, 22))
    config = replace(CONFIG, n_steps=200, patience=100)
    results = run(stacked, two_tables(), held_out, config)
    assert torch.stack([r.scores for r in results]).isfinite().all()
    assert (results[-1].early_stopping.scores > start + 0.1).all()


@pytest.mark.parametrize("with_held_out", [True, False])
def test_other_members_keep_their_parameters_when_one_is_rolled_back(with_held_out):
    """At the last check, so that the learning rate, lowered for all, has no influence."""
    held_out = two_tables(seed=5) if with_held_out else None
    kept = []
    for calls in (range(0), range(55, 60)):
        stacked = make_diverge(make_flows(), 1, calls)
        run(stacked, two_tables(), held_out)
        kept.append(stacked.params.detach())
    assert torch.equal(kept[0][0], kept[1][0])


def test_losses_stay_finite_when_a_step_is_skipped():
    stacked = make_diverge(make_flows(), 1, [2])
    losses = run(stacked, two_tables(), two_tables(seed=5))[-1].losses
    assert torch.tensor(losses).isfinite().all()


def test_weight_decay_shrinks_weight_matrices_only():
    config = replace(CONFIG, n_steps=1, warm_up=1)
    start, kept = make_flows(), []
    for alpha in (0.0, 2.0):
        stacked = make_flows()
        run(stacked, two_tables(), None, replace(config, alpha=alpha))
        kept.append(stacked.params.detach())
    fraction = 1 - 1 / 5  # of the first step in the moving average
    expected = fraction * 0.01 * 2.0 * start.params.detach() * start.decay_mask
    torch.testing.assert_close(kept[0] - kept[1], expected, rtol=1e-3, atol=1e-6)


def test_validation_score_is_the_weighted_mean_and_training_mode_is_restored():
    stacked = make_flows(dropout=0.5)
    weights = [torch.arange(5000) % 4 + 0.5, torch.ones(30)]
    rows = rows_of(moons(5000, 0), moons(30, 1), weights=weights)
    scores = validate(stacked, rows)
    assert stacked.flow.training
    assert torch.equal(validate(stacked, rows), scores)
    stacked.flow.eval()
    log_p = stacked.log_prob(rows.columns, None).detach().double()
    expected = (log_p * rows.weights).sum(-1) / rows.weights.sum(-1)
    torch.testing.assert_close(scores.double(), expected, rtol=1e-5, atol=1e-5)


def test_zero_steps_change_nothing():
    stacked = make_flows()
    start = stacked.params.detach().clone()
    results = run(stacked, two_tables(), two_tables(seed=5), replace(CONFIG, n_steps=0))
    assert [r.step for r in results] == [0]
    assert torch.equal(stacked.params.detach(), start)
