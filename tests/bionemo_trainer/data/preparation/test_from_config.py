"""`do_training=False` prepares what BioNeMo's own keys name."""

import pytest

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.data.preparation.from_config import plan_of
from bionemo_trainer.errors import ConfigError

MOLECULES = "molecule/megamolbart/pretrain_small_span_aug"
PROTEINS = "protein/esm1nv/pretrain_small"


def plan(recipe, *overrides):
    return plan_of(load_recipe(recipe, overrides).config)


def test_molecules_come_from_the_links_file_up_to_the_sequence_length():
    made = plan(MOLECULES, "model.data.links_file=/x/links.txt")
    assert (made.recipe, made.source.links_file, str(made.output)) == (
        "molecule/zinc15",
        "/x/links.txt",
        "/data/zinc_csv",
    )
    assert (made.validation, made.test, made.max_length, made.files) == ("0.5%", "0.5%", 512, None)


def test_proteins_come_from_their_address_with_bionemos_counts():
    made = plan(PROTEINS)
    assert made.source.urls[0].endswith("uniref50.fasta.gz")
    assert (made.recipe, made.validation, made.test, made.max_length) == ("protein/uniref50", "5000", "1000000", None)


def test_a_local_file_may_stand_for_the_address():
    assert plan(PROTEINS, "model.data.data_url=/data/raw/x.fasta").source.path == "/data/raw/x.fasta"


def test_the_split_can_be_chosen():
    made = plan(
        PROTEINS,
        "++model.data.preprocessing.validation=100",
        "++model.data.preprocessing.test='2%'",
        "++model.data.preprocessing.files=3",
        "++model.data.preprocessing.seed=7",
    )
    assert (made.validation, made.test, made.files, made.seed) == ("100", "2%", 3, 7)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (
            MOLECULES,
            "model.data.links_file: nothing is given, and preparation needs a source; "
            "name a file that lists the addresses of the tranches.",
        ),
        (
            "protein/esm2nv/pretrain_esm2_8M",
            "model.data.data_url: nothing is given, and preparation needs a source; "
            "name a FASTA file by its address or path.",
        ),
    ],
)
def test_a_configuration_without_a_source_is_answered_with_the_key(recipe, message):
    with pytest.raises(ConfigError) as caught:
        plan(recipe)
    assert str(caught.value) == message
