"""The format of a table is found from its first line alone."""

import pytest

from bionemo_trainer.data.preparation.tables import table_format


def found(first_line, column=None):
    table = table_format(first_line, column, name="a.txt")
    return table.separator, table.has_header, table.smiles_column, table.id_column


@pytest.mark.parametrize(
    ("first_line", "column", "expected"),
    [
        pytest.param("smiles\tzinc_id", None, ("\t", True, 0, 1), id="ZINC tranche"),
        pytest.param("SMILES,SPLIT", None, (",", True, 0, None), id="no known identifier"),
        pytest.param("id,Canonical_SMILES,smiles", None, (",", True, 2, 0), id="the better of two SMILES columns"),
        pytest.param("Name,Structure", None, (",", True, 0, 0), id="no known SMILES column"),
        pytest.param("structure comment", None, (None, True, 0, None), id="words that are no molecule"),
        pytest.param("CCO ethanol", None, (None, False, 0, 1), id="words that are a molecule and its name"),
        pytest.param("CCO", None, (None, False, 0, None), id="nothing but SMILES"),
        pytest.param("CCO\t0", "0", ("\t", False, 0, 1), id="a value like the number of the column"),
        pytest.param("Z1,CCO", "1", (",", False, 1, 0), id="column by number"),
        pytest.param("CCO", "5", (None, False, 5, 0), id="column beyond the line"),
        pytest.param("C" * 100_000, None, (None, False, 0, None), id="a word that would kill RDKit"),
    ],
)
def test_a_first_line_tells_separator_header_and_columns(first_line, column, expected):
    assert found(first_line, column) == expected


def test_quotes_that_never_close_are_cut_plainly():
    table = table_format("CCO,Z1", None, name="a.txt")
    assert table.columns(f'C,"{"x" * 200_000}') == ["C", f'"{"x" * 200_000}']
