"""Exit codes are those of sysexits, and say whether the same run would fail again; progress survives the wire."""

import json

import pytest

from bionemo_trainer.contract import ExitCode, Progress, SavedCheckpoint, progress_from_json, progress_to_json

SAVED = SavedCheckpoint(step=500, path="checkpoints/step=500.ckpt", size_bytes=2_000, saved_at=1_700_000_000.5)


def progress(**changes):
    plain = {"phase": "Stepping", "attempt": 2, "step": 512, "max_steps": 1_000, "consumed_samples": 4_096}
    return Progress(**{**plain, "updated_at": 1_700_000_100.25, **changes})


@pytest.mark.parametrize(
    ("code", "is_final"),
    [
        (ExitCode.OK, False),
        (ExitCode.CONFIG, True),
        (ExitCode.DATA, True),
        (ExitCode.NO_INPUT, True),
        (ExitCode.NON_FINITE, True),
        (ExitCode.STORAGE, False),
        (ExitCode.STOPPED, False),
    ],
    ids=str,
)
def test_64_to_70_are_final(code, is_final):
    assert code.is_final == is_final


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(progress(), id="before the first checkpoint"),
        pytest.param(progress(checkpoint=SAVED), id="with a checkpoint"),
        pytest.param(
            progress(
                train_loss=1.5,
                validation_loss=1.25,
                samples_per_second=800.0,
                tokens_per_second=64_000.0,
                eta_seconds=60.0,
                checkpoint=SAVED,
            ),
            id="with every figure",
        ),
    ],
)
def test_progress_is_read_as_it_was_written(sent):
    assert progress_from_json(progress_to_json(sent)) == sent


def test_progress_is_in_camel_case_on_the_wire():
    assert json.loads(progress_to_json(progress(checkpoint=SAVED, train_loss=1.5, start_step=448))) == {
        "phase": "Stepping",
        "attempt": 2,
        "step": 512,
        "maxSteps": 1_000,
        "consumedSamples": 4_096,
        "trainLoss": 1.5,
        "validationLoss": None,
        "samplesPerSecond": None,
        "tokensPerSecond": None,
        "etaSeconds": None,
        "updatedAt": 1_700_000_100.25,
        "startStep": 448,
        "checkpoint": {
            "step": 500,
            "path": "checkpoints/step=500.ckpt",
            "sizeBytes": 2_000,
            "savedAt": 1_700_000_000.5,
        },
    }


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<html>404</html>", id="no JSON"),
        pytest.param("[]", id="a list"),
        pytest.param("{}", id="nothing in it"),
        pytest.param('{"checkpoint": null, "stepp": 1}', id="an unknown name"),
        pytest.param('{"checkpoint": {"step": 1}}', id="half a checkpoint"),
    ],
)
def test_what_is_no_progress_is_refused_with_its_text(text):
    with pytest.raises(ValueError, match="not the progress") as caught:
        progress_from_json(text)
    assert str(caught.value) == f"not the progress of a training: {text!r}"


def test_only_the_beginning_of_a_long_wrong_text_is_shown():
    with pytest.raises(ValueError, match="not the progress") as caught:
        progress_from_json("x" * 10_000)
    assert str(caught.value) == f"not the progress of a training: '{'x' * 200}'"
