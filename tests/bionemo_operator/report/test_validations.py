"""Validations are listed, the newest first, with the numbers that they have."""

from bionemo_operator.report.validations import ROWS_SHOWN, validations
from testkit.runs import logged


def test_the_newest_is_first():
    table = validations(
        [logged(10, val_loss=2.5, val_perplexity=12.18), logged(20, val_loss=1.5, val_perplexity=4.4817)]
    )
    assert table.headings == ("Step", "Loss, nats", "Perplexity")
    assert table.rows == (("20", "1.5", "4.482"), ("10", "2.5", "12.18"))
    assert table.num_left_out == 0


def test_shares_are_in_per_cent_and_missing_values_empty():
    table = validations([logged(10, val_loss=2.5), logged(1000, val_percent_invalid=0.125)])
    assert table.rows == (("1,000", "", "12.5 %"), ("10", "2.5", ""))


def test_early_ones_are_left_out():
    table = validations([logged(step, val_loss=1.0) for step in range(1, ROWS_SHOWN + 4)])
    assert (len(table.rows), table.rows[0][0], table.num_left_out) == (ROWS_SHOWN, str(ROWS_SHOWN + 3), 3)


def test_no_validation_is_no_row():
    assert validations([logged(10, reduced_train_loss=1.0)]).rows == ()
