import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.sample_order import SampleOrder


@given(num_samples=st.integers(1, 300), seed=st.integers(), epoch=st.integers(0, 1000))
def test_each_epoch_shows_every_sample_once(num_samples, seed, epoch):
    order = SampleOrder(num_samples=num_samples, seed=seed)
    indices = order.indices(np.arange(num_samples) + epoch * num_samples)
    assert np.sort(indices).tolist() == list(range(num_samples))


@given(positions=st.lists(st.integers(0, 10**12), max_size=6))
def test_positions_in_any_order_over_any_epochs_agree_with_one_at_a_time(positions):
    order = SampleOrder(num_samples=97, seed=7)
    alone = [order.indices(np.array([position])).item() for position in positions]
    assert order.indices(np.array(positions, dtype=np.int64)).tolist() == alone


def test_epochs_and_seeds_have_orders_of_their_own():
    first, other_seed = SampleOrder(num_samples=100, seed=1), SampleOrder(num_samples=100, seed=2)
    epoch = np.arange(100)
    assert first.indices(epoch).tolist() != first.indices(epoch + 100).tolist()
    assert first.indices(epoch).tolist() != other_seed.indices(epoch).tolist()
