"""Training: what it lowers, keeps, survives and leaves alone."""

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
from skflow.training.batches import StackedRows
from skflow.training.loop import TrainingConfig, train, validate
from skflow.training.stacked_flows import StackedFlows

SCHEDULE = TrainingConfig(n_steps=60, batch_size=50, learning_rate=0.01, check_every=5)


def members(n_members=2, family="nsf_ar", dropout=0.0):
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


def run(stacked, rows, held_out, schedule=SCHEDULE, seed=0):
    return list(train(stacked, rows, held_out, schedule, Generator().manual_seed(seed)))


class Stumbling(nn.Module):
    """A base whose density of one member is NaN in some of the calls with gradient."""

    def __init__(self, base, member, calls):
        super().__init__()
        self.base, self.member, self.calls = base, member, calls
        self.n_calls = 0

    def log_prob(self, z, context=None):
        log_p = self.base.log_prob(z, context)
        if not torch.is_grad_enabled():
            return log_p
        self.n_calls += 1
        stumbles = torch.zeros(len(log_p), 1, dtype=torch.bool)
        stumbles[self.member] = self.n_calls - 1 in self.calls
        return log_p * torch.where(stumbles, torch.nan, 1.0)


def stumble(stacked, member, calls):
    stacked.flow.base = Stumbling(stacked.flow.base, member, calls)
    return stacked


def test_lowers_the_loss_and_keeps_the_best_weights():
    stacked, held_out = members(), two_tables(seed=5)
    start = validate(stacked, held_out)
    records = run(stacked, two_tables(), held_out)
    last = records[-1]
    assert last.losses[-2] < last.losses[0] - 0.1
    assert (last.early_stopping.scores > start + 0.1).all()
    torch.testing.assert_close(validate(stacked, held_out), last.early_stopping.scores)
    assert torch.equal(stacked.values.detach(), last.early_stopping.values)


def test_best_scores_are_the_highest_of_all_checks():
    schedule = replace(SCHEDULE, learning_rate=0.3, patience=100)
    records = run(members(), two_tables(40), two_tables(seed=5), schedule)
    highest = torch.stack([r.scores for r in records]).max(0).values
    assert torch.equal(records[-1].early_stopping.scores, highest)
    assert (records[-1].scores < highest).any()  # the best was not the last


def test_checks_look_at_so_many_left_out_rows_at_most():
    held_out = two_tables(seed=5)
    start = run(members(), two_tables(), held_out, replace(SCHEDULE, max_held_out=30))[0]
    torch.testing.assert_close(start.scores, validate(members(), held_out[:30]))
    assert not torch.allclose(start.scores, validate(members(), held_out))


def test_a_record_at_the_start_and_after_every_check():
    rows, held_out = two_tables(), two_tables(seed=5)
    schedule = replace(SCHEDULE, n_steps=23)
    records = run(members(), rows, held_out, schedule)
    assert [r.step for r in records] == [0, 5, 10, 15, 20, 23]
    assert [r.epoch for r in records] == [0, 2, 3, 4, 5, 6]  # 4 batches an epoch
    assert all(r.n_steps == 23 for r in records)
    assert torch.equal(records[0].scores, validate(members(), held_out))


def test_one_loss_for_each_epoch():
    schedule = replace(SCHEDULE, n_steps=12, learning_rate=1e-12)  # 3 epochs of 4 batches
    stacked, rows = members(), two_tables()
    expected = -validate(stacked, rows).mean()
    losses = run(stacked, rows, None, schedule)[-1].losses
    torch.testing.assert_close(torch.tensor(losses), expected.expand(3), rtol=1e-4, atol=1e-4)


def test_the_loss_of_an_epoch_cut_short_is_a_mean_too():
    schedule = replace(SCHEDULE, n_steps=6, learning_rate=1e-12)  # 1.5 epochs
    stacked, rows = members(), two_tables()
    expected = -validate(stacked, rows).mean()
    losses = run(stacked, rows, None, schedule)[-1].losses
    assert losses[0] == pytest.approx(expected.item(), abs=1e-3)
    assert all(loss == pytest.approx(expected.item(), abs=0.3) for loss in losses)


@pytest.mark.parametrize("with_left_out", [True, False])
def test_closed_early_it_keeps_what_it_would_have_kept(with_left_out):
    """The weights are those of a training that had gone no further."""
    held_out = two_tables(seed=5) if with_left_out else None
    stacked = members()
    start = stacked.values.detach().clone()
    records = train(stacked, two_tables(), held_out, SCHEDULE, Generator().manual_seed(0))
    with closing(records):
        for record in records:
            if record.step == 30:
                in_training = stacked.values.detach().clone()
                break
    assert not torch.equal(stacked.values.detach(), start)
    assert not torch.equal(stacked.values.detach(), in_training)
    if held_out is not None:
        assert torch.equal(stacked.values.detach(), record.early_stopping.values)


def test_without_left_out_rows_the_averaged_weights_are_kept():
    stacked, rows = members(), two_tables()
    before = validate(stacked, rows)
    records = run(stacked, rows, None)
    assert records[-1].scores is None
    assert records[-1].early_stopping is None
    assert (validate(stacked, rows) > before + 0.1).all()


def test_stops_early_where_nothing_is_to_be_gained():
    schedule = replace(SCHEDULE, n_steps=1000, patience=3, tol=1e9)
    records = run(members(), two_tables(), two_tables(seed=5), schedule)
    assert records[-1].step == 15
    assert len(records[-1].losses) == records[-1].epoch == 4  # the last one cut short
    assert records[-1].early_stopping.done


def test_goes_on_as_long_as_one_member_gains():
    noise = torch.randn(50, 2, generator=Generator().manual_seed(0))
    rows = rows_of(moons(200, 0), noise)
    held_out = rows_of(moons(200, 5), -3 * noise)
    schedule = replace(SCHEDULE, patience=2, tol=1e-3, n_steps=40)
    records = run(members(), rows, held_out, schedule)
    gains = torch.stack([r.scores for r in records]).diff(dim=0)
    assert (gains[-3:, 1] < 0).all()
    assert records[-1].step == 40


def test_warm_up_and_cosine():
    schedule = TrainingConfig(n_steps=100, batch_size=1, learning_rate=2.0, warm_up=10)
    assert schedule.rate(0) == pytest.approx(0.2)
    assert schedule.rate(4) == pytest.approx(0.5 * (1 + torch.tensor(0.04 * torch.pi).cos()))
    assert schedule.rate(50) == pytest.approx(1.0)
    assert schedule.rate(75) == pytest.approx(1 - 0.5**0.5)
    assert schedule.rate(100) == pytest.approx(0, abs=1e-12)
    rates = [schedule.rate(step) for step in range(9, 101)]
    assert rates == sorted(rates, reverse=True)


def test_one_seed_one_result_and_torchs_own_generator_untouched():
    schedule = replace(SCHEDULE, n_steps=10, noise=0.1)
    before = torch.random.get_rng_state()
    results = []
    for seed in (0, 0, 1):
        stacked = members(dropout=0.2)
        run(stacked, two_tables(), two_tables(seed=5), schedule, seed)
        results.append(stacked.values.detach())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_noise_is_added_to_the_rows():
    kept = []
    for noise in (0.0, 0.0, 0.3):
        stacked = members()
        schedule = replace(SCHEDULE, n_steps=4, batch_size=1000, noise=noise)
        run(stacked, two_tables(), None, schedule)
        kept.append(stacked.values.detach())
    assert torch.equal(kept[0], kept[1])
    assert (kept[0] - kept[2]).abs().max() > 1e-4


def test_members_do_not_influence_each_other():
    """The first member's weights are the same to the last bit, whatever the second sees."""
    kept = []
    for second in (moons(200, 1), 5 * moons(200, 1)):
        stacked = members()
        rows, held_out = rows_of(moons(200, 0), second), two_tables(seed=5)
        schedule = replace(SCHEDULE, noise=0.1, alpha=1e-3, n_steps=20)
        run(stacked, rows, held_out, schedule)
        kept.append(stacked.values.detach())
    assert torch.equal(kept[0][0], kept[1][0])
    assert not torch.equal(kept[0][1], kept[1][1])


@pytest.mark.parametrize("with_left_out", [True, False])
def test_a_non_finite_row_reaches_no_weights(with_left_out):
    held_out = two_tables(seed=5) if with_left_out else None
    spoiled = moons(200, 1)
    spoiled[17, 0] = torch.inf
    kept = []
    for second in (moons(200, 1), spoiled):
        stacked = members()
        run(stacked, rows_of(moons(200, 0), second), held_out)
        kept.append(stacked.values.detach())
    assert torch.equal(kept[0][0], kept[1][0])
    assert kept[1].isfinite().all()
    clean = two_tables(seed=5)
    gain = validate(stacked, clean) - validate(members(), clean)
    assert (gain > 0.1).all()


def test_weightless_rows_that_fill_up_change_nothing():
    """Only one batch an epoch, so that both members see their rows in every step."""
    schedule = replace(SCHEDULE, batch_size=1000, n_steps=10, check_every=5)
    kept = []
    for longest in (40, 41):
        stacked = members()
        run(stacked, rows_of(moons(40, 0), moons(longest, 1)), None, schedule)
        kept.append(stacked.values.detach()[0])
    torch.testing.assert_close(*kept, rtol=1e-2, atol=1e-3)


def test_row_weights_are_repetitions_to_the_gradient():
    x, repeats = moons(30, 0), torch.arange(30) % 3 + 1
    repeated = x.repeat_interleave(repeats, dim=0)
    weighted = rows_of(x, weights=[repeats / repeats.float().mean()])
    schedule = replace(SCHEDULE, batch_size=1000, n_steps=10)
    kept = []
    for rows in (weighted, rows_of(repeated)):
        stacked = members(1)
        run(stacked, rows, None, schedule)
        kept.append(stacked.values.detach())
    torch.testing.assert_close(*kept, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("with_left_out", [True, False])
def test_persistently_non_finite_raises_with_advice_and_keeps_finite_weights(with_left_out):
    stacked = stumble(members(), 1, range(10_000))
    held_out = two_tables(seed=5) if with_left_out else None
    with pytest.raises(FloatingPointError, match=r"1 of 2 members.*smaller learning_rate_init"):
        run(stacked, two_tables(), held_out)
    assert stacked.values.isfinite().all()
    assert (validate(stacked, two_tables())[0] > validate(members(), two_tables())[0] + 0.02).all()


def test_after_stumbling_a_member_goes_on():
    held_out = two_tables(seed=5)
    start = validate(members(), held_out)
    stacked = stumble(members(), 1, range(10, 22))
    schedule = replace(SCHEDULE, n_steps=200, patience=100)
    records = run(stacked, two_tables(), held_out, schedule)
    assert torch.stack([r.scores for r in records]).isfinite().all()
    assert (records[-1].early_stopping.scores > start + 0.1).all()


@pytest.mark.parametrize("with_left_out", [True, False])
def test_the_others_keep_their_weights_when_one_falls_back(with_left_out):
    """At the last check, so that the rate, which slows down for all, has no part in it."""
    held_out = two_tables(seed=5) if with_left_out else None
    kept = []
    for calls in (range(0), range(55, 60)):
        stacked = stumble(members(), 1, calls)
        run(stacked, two_tables(), held_out)
        kept.append(stacked.values.detach())
    assert torch.equal(kept[0][0], kept[1][0])


def test_losses_stay_finite_where_a_step_was_skipped():
    stacked = stumble(members(), 1, [2])
    losses = run(stacked, two_tables(), two_tables(seed=5))[-1].losses
    assert torch.tensor(losses).isfinite().all()


def test_decay_shrinks_weight_matrices_alone_by_the_rate():
    schedule = replace(SCHEDULE, n_steps=1, warm_up=1)
    start, kept = members(), []
    for alpha in (0.0, 2.0):
        stacked = members()
        run(stacked, two_tables(), None, replace(schedule, alpha=alpha))
        kept.append(stacked.values.detach())
    share = 1 - 1 / 5  # of the first step in the average
    expected = share * 0.01 * 2.0 * start.values.detach() * start.decays
    torch.testing.assert_close(kept[0] - kept[1], expected, rtol=1e-3, atol=1e-6)


def test_validation_is_the_weighted_mean_and_leaves_training_mode_on():
    stacked = members(dropout=0.5)
    weights = [torch.arange(5000) % 4 + 0.5, torch.ones(30)]
    rows = rows_of(moons(5000, 0), moons(30, 1), weights=weights)
    scores = validate(stacked, rows)
    assert stacked.flow.training
    assert torch.equal(validate(stacked, rows), scores)
    stacked.flow.eval()
    log_p = stacked.log_prob(rows.columns, None).detach().double()
    expected = (log_p * rows.weights).sum(-1) / rows.weights.sum(-1)
    torch.testing.assert_close(scores.double(), expected, rtol=1e-5, atol=1e-5)


def test_no_steps_change_nothing():
    stacked = members()
    start = stacked.values.detach().clone()
    records = run(stacked, two_tables(), two_tables(seed=5), replace(SCHEDULE, n_steps=0))
    assert [r.step for r in records] == [0]
    assert torch.equal(stacked.values.detach(), start)
