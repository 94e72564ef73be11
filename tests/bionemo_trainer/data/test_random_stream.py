import numpy as np
import pytest

from bionemo_trainer.data.random_stream import RandomStream, cumulative, library_seed


def stream(*, seed=1, position=2, purpose="test"):
    return RandomStream(seed=seed, position=position, purpose=purpose)


def test_one_key_always_gives_the_same_numbers():
    assert stream().uniform(3).tolist() == [0.5059387020514434, 0.31328114306402244, 0.44820509776582484]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"seed": 3}, id="seed"),
        pytest.param({"position": 3}, id="position"),
        pytest.param({"purpose": "other"}, id="purpose"),
    ],
)
def test_any_part_of_the_key_changes_the_numbers(other):
    assert not np.intersect1d(stream().uniform(1000), stream(**other).uniform(1000)).size


def test_numbers_go_on_where_the_last_draw_ended():
    drawing = stream()
    assert np.concatenate((drawing.uniform(3), drawing.uniform(4))).tolist() == stream().uniform(7).tolist()


def test_uniform_numbers_fill_zero_to_one_evenly():
    counts = np.histogram(stream().uniform(100_000), bins=10, range=(0, 1))[0]
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 27.9  # chi-square with 9 degrees of freedom, one in a thousand


def test_integers_stay_below_their_own_bounds():
    drawn = stream().below(np.tile([1, 2, 5], 10_000)).reshape(-1, 3)
    assert drawn.min(axis=0).tolist() == [0, 0, 0]
    assert drawn.max(axis=0).tolist() == [0, 1, 4]


def test_choices_follow_their_weights():
    chosen = stream().choice(cumulative(np.array([1.0, 0.0, 3.0])), 100_000)
    assert np.bincount(chosen) / 100_000 == pytest.approx([0.25, 0.0, 0.75], abs=0.005)


def test_subsets_rise_and_every_member_is_equally_likely():
    subsets = np.array([stream(position=position).subset(5, 2) for position in range(5000)])
    assert (subsets[:, 0] < subsets[:, 1]).all()
    assert np.bincount(subsets.ravel()) / 5000 == pytest.approx([0.4] * 5, abs=0.03)


def test_library_seeds_fit_thirty_one_bits_and_differ():
    seeds = {library_seed(seed=0, position=position, purpose="test") for position in range(1000)}
    assert len(seeds) == 1000
    assert min(seeds) >= 1
    assert max(seeds) < 2**31
