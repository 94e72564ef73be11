"""However a text is cut, every line and every record is read exactly once."""

from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.data.preparation.lines import MOST_BYTES, lines_between, next_fasta_record, next_line

TEXTS = st.lists(st.sampled_from([b">", b"\n", b"\r\n", b"A", b"MKV", b">P1\n"])).map(b"".join)
CUTS = st.lists(st.integers(0, 60))


def bounds(text, cuts):
    return [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]


@pytest.mark.parametrize("next_record", [next_line, next_fasta_record])
@given(text=TEXTS, cuts=CUTS)
def test_shards_join_to_the_whole_text(next_record, text, cuts):
    file = BytesIO(text)
    places = [next_record(file, cut) for cut in bounds(text, cuts)]
    assert b"".join(line for start, end in pairwise(places) for line in lines_between(file, start, end)) == text


def test_a_cut_goes_to_the_next_record():
    lines, proteins = BytesIO(b"ab\ncd\nef"), BytesIO(b">A\nM\n>B\nK\n")
    assert [next_line(lines, cut) for cut in (0, 1, 3, 4, 7)] == [0, 3, 3, 6, 8]
    assert [next_fasta_record(proteins, cut) for cut in (0, 1, 5, 6)] == [0, 5, 5, 10]


@given(text=TEXTS, cut=st.integers(1, 60))
def test_a_shard_of_fasta_begins_with_a_header(text, cut):
    start = next_fasta_record(BytesIO(text), min(cut, len(text)))
    assert start == len(text) or (
        text[start:].startswith(b">") and text[:start].endswith((b"\n",) if start else (b"",))
    )


def test_a_line_beyond_the_limit_is_shortened_and_the_next_one_is_whole():
    text = b"ab\n" + b"c" * (3 * MOST_BYTES) + b"\nde\n" + b"f" * (MOST_BYTES + 9)
    read = list(lines_between(BytesIO(text), 0, len(text)))
    assert [line[:2] for line in read] == [b"ab", b"cc", b"de", b"ff"]
    assert [len(line) for line in read] == [3, MOST_BYTES + 1, 3, MOST_BYTES + 1]


def test_a_text_that_shrank_ends_where_it_ends():
    assert list(lines_between(BytesIO(b"ab\n"), 0, 99)) == [b"ab\n"]


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert list(lines_between(BytesIO(b"\xef\xbb\xbf>P1\nMKV\n"), 0, 12)) == [b">P1\n", b"MKV\n"]
