import subprocess
import sys

import pytest

from bionemo_trainer.errors import ConfigError
from bionemo_trainer.tokenizers.vocabulary import esm2_vocabulary, megamolbart_vocabulary, protein_vocabulary


@pytest.mark.parametrize(
    ("vocabulary", "size", "ids"),
    [
        pytest.param(
            megamolbart_vocabulary(),
            523,
            {"<PAD>": 0, "?": 1, "^": 2, "&": 3, "<MASK>": 4, "C": 272, "[nH]": 286, "\\": 289, "[131Cs]": 522},
            id="megamolbart",
        ),
        pytest.param(protein_vocabulary(), 30, {"<unk>": 0, "<mask>": 4, "L": 5, "X": 25, "O": 29}, id="esm1nv"),
        pytest.param(protein_vocabulary(96), 126, {"O": 29, "<extra_id_0>": 30, "<extra_id_95>": 125}, id="prott5nv"),
        pytest.param(esm2_vocabulary(), 33, {"<cls>": 0, "<pad>": 1, "L": 4, "-": 30, "<mask>": 32}, id="esm2nv"),
    ],
)
def test_tokens_have_the_ids_of_the_published_models(vocabulary, size, ids):
    assert len(vocabulary) == size
    assert {token: vocabulary.ids[token] for token in ids} == ids


@pytest.mark.parametrize(
    ("vocabulary", "special"),
    [
        pytest.param(megamolbart_vocabulary(), ("<PAD>", "^", "&", "<MASK>", "?"), id="megamolbart"),
        pytest.param(protein_vocabulary(96), ("<pad>", "<s>", "</s>", "<mask>", "<unk>"), id="protein"),
        pytest.param(esm2_vocabulary(), ("<pad>", "<cls>", "<eos>", "<mask>", "<unk>"), id="esm2nv"),
    ],
)
def test_special_ids_point_at_their_tokens(vocabulary, special):
    ids = (vocabulary.pad_id, vocabulary.bos_id, vocabulary.eos_id, vocabulary.mask_id, vocabulary.unk_id)
    assert tuple(vocabulary.tokens[index] for index in ids) == special


@pytest.mark.parametrize(
    ("vocabulary", "fingerprint"),
    [
        pytest.param(
            megamolbart_vocabulary(),
            "4a3240e39de16f0f3194940d6866a8ebd27d051d63f50f40968a0dcc85d9f1df",
            id="megamolbart",
        ),
        pytest.param(
            protein_vocabulary(), "91fde5d91a7ed6f3b0ee88a405e9f0d99a5046768a65c30b032e7a83cec32795", id="esm1nv"
        ),
        pytest.param(
            protein_vocabulary(96), "62b1f343569d30dd8d643c57ca447fcd5568b0eacbb91b91a1b5151ef3759c5f", id="prott5nv"
        ),
        pytest.param(
            esm2_vocabulary(), "5d519510b9ea942d58021260a07742ce607dc85e1fcbcfc1e00bf9e5b5d8c8ed", id="esm2nv"
        ),
    ],
)
def test_fingerprints_stay_what_checkpoints_recorded(vocabulary, fingerprint):
    assert vocabulary.fingerprint == fingerprint


@pytest.mark.parametrize("count", [-1, 4097])
def test_an_impossible_number_of_sentinels_is_refused(count):
    with pytest.raises(ConfigError) as refused:
        protein_vocabulary(count)
    assert str(refused.value) == (
        f"model.tokenizer.num_sentinel_tokens: {count} must lie between 0 and 4096; "
        "give at least seq_length x masked_lm_prob, 96 for ProtT5nv."
    )


def test_vocabularies_load_without_numpy():
    script = (
        "import sys, bionemo_trainer.tokenizers.vocabulary as v; v.megamolbart_vocabulary().fingerprint; "
        "sys.exit(any(name in sys.modules for name in ('numpy', 'torch', 'rdkit')))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
