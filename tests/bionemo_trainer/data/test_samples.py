import numpy as np

from bionemo_trainer.data.samples import decoder_sample


def test_the_decoder_reads_what_came_before_each_label():
    sample = decoder_sample(
        np.array([9], dtype=np.uint16), np.array([5, 6], dtype=np.uint16), bos_id=2, eos_id=3, target_smiles="C"
    )
    assert sample.encoder_tokens.tolist() == [9]
    assert sample.decoder_tokens.tolist() == [2, 5, 6]
    assert sample.labels.tolist() == [5, 6, 3]
    assert sample.target_smiles == "C"
    assert (sample.decoder_tokens.dtype, sample.labels.dtype) == (np.uint16, np.int32)
