"""Whole trainings through Lightning and NeMo, on one rank. All cases run in one process, which `testkit.trainings` starts."""

import json

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from bionemo_trainer.config.load import load_tree
from bionemo_trainer.launch.reports import read_progress
from bionemo_trainer.run_folder import RunFolder, read_records
from bionemo_trainer.training.checkpoint_folder import committed
from testkit.fresh_processes import IN_FRESH_PROCESSES
from testkit.networks import MEGAMOLBART
from testkit.trainings import DONE, config_for, endings_of_all, reports_of

pytestmark = IN_FRESH_PROCESSES
NAMES = ("esm1nv", "esm2nv", "megamolbart", "prott5nv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trainings")


@pytest.fixture(scope="module")
def found(folder):
    return endings_of_all(folder)


@pytest.fixture(scope="module")
def records(folder, found):
    """Lines of metrics by family."""
    assert found["again"] == DONE
    return {name: list(read_records(RunFolder(path=folder / name).metrics)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_family_trains_validates_and_tests(found, records, name):
    assert found[f"{name} ends"] == DONE
    steps = [record["step"] for record in records[name] if "reduced_train_loss" in record]
    assert steps == list(range(1, 9))
    assert [record["step"] for record in records[name] if "val_loss" in record] == [4, 8]
    assert [record["step"] for record in records[name] if "test_loss" in record] == [8]


@pytest.mark.parametrize("name", NAMES)
def test_the_folder_has_the_experiment_managers_files(folder, found, name):
    assert found[f"{name} ends"] == DONE
    files = {path.name.split(".tfevents")[0] for path in (folder / name).iterdir()}
    assert files >= {
        "cmd-args.log", "hparams.yaml", "lightning_logs.txt", "nemo_error_log.txt", "events.out",
        "nemo_log_globalrank-0_localrank-0.txt", "checkpoints", "records",
    }  # fmt: skip


def test_what_has_no_name_of_nemos_is_logged_under_prometheus_names(folder, found, records):
    assert found["esm1nv ends"] == DONE
    waits = [record["bionemo_trainer_data_wait_seconds"] for record in records["esm1nv"] if "lr" in record]
    assert len(waits) == 8
    assert min(waits) > 0
    saves = {record["step"]: record["bionemo_trainer_save_seconds"] for record in records["esm1nv"] if len(record) == 4}
    assert list(saves) == [4, 8]
    assert min(saves.values()) > 0
    written = EventAccumulator(str(folder / "esm1nv")).Reload()
    assert {"bionemo_trainer_data_wait_seconds", "bionemo_trainer_save_seconds"} <= set(written.Tags()["scalars"])
    logged_waits = [event.value for event in written.Scalars("bionemo_trainer_data_wait_seconds")]
    assert logged_waits == pytest.approx(waits)


def test_the_parameters_that_loggers_see_are_the_configuration(folder, found):
    assert found["esm1nv ends"] == DONE
    kept = yaml.safe_load((folder / "esm1nv" / "hparams.yaml").read_text())
    assert kept["trainer"]["max_steps"] == 8


def test_molecules_are_judged_under_bionemos_names(records):
    metrics = next(record for record in records["megamolbart"] if "val_loss" in record)
    assert set(metrics) == {
        "time", "step", "consumed_samples", "val_loss", "val_reduced_loss", "val_perplexity", "val_character_accuracy",
        "val_molecular_accuracy", "val_percent_invalid",
    }  # fmt: skip


def test_a_line_of_training_has_its_figures(records):
    metrics = next(record for record in records["megamolbart"] if "reduced_train_loss" in record)
    assert set(metrics) == {
        "time", "step", "consumed_samples", "reduced_train_loss", "lr", "grad_norm", "loss_scale", "train_step_timing",
        "samples_per_second", "tokens_per_second", "bionemo_trainer_data_wait_seconds",
    }  # fmt: skip
    assert metrics["consumed_samples"] == 3


def test_reconstructed_molecules_are_kept_with_their_inputs(folder, found):
    assert found["megamolbart ends"] == DONE
    examples = list(read_records(RunFolder(path=folder / "megamolbart").reconstructions))
    assert {tuple(sorted(example)) for example in examples} == {("input", "output", "step", "target")}
    assert len(examples) == 8


def test_proteins_are_judged_by_residue(folder, found):
    assert found["esm1nv ends"] == DONE
    residues = list(read_records(RunFolder(path=folder / "esm1nv").residues))
    assert sum(residue["total"] for residue in residues) > 0
    assert all(0 <= residue["correct"] <= residue["total"] for residue in residues)
    assert {residue["residue"] for residue in residues} <= set("ACDEFGHIKLMNPQRSTVWY")


def test_the_configuration_that_is_kept_trains_again(folder, found):
    assert found["megamolbart ends"] == DONE
    kept = yaml.safe_load(RunFolder(path=folder / "megamolbart").config.read_text())
    expected = config_for(MEGAMOLBART, folder, "megamolbart", "do_testing=True", "trainer.limit_test_batches=1.0")
    assert load_tree(kept).config == expected
    assert json.loads(RunFolder(path=folder / "megamolbart").run.read_text())["recipe"] == "recipe"


def test_a_finished_run_has_nothing_to_do(found):
    assert found["again"] == DONE


@pytest.mark.parametrize("name", ["megamolbart", "workers"])
def test_what_ends_says_how_far_it_was_at_last(folder, found, name):
    assert found["gone on"] == found["again"] == DONE
    last = read_progress(reports_of(folder / name))
    assert (last["phase"], last["step"], last["maxSteps"], last["checkpoint"]["step"]) == ("Finished", 8, 8, 8)


def test_a_stopped_run_says_how_to_go_on(found):
    code, words = found["stopped"]
    step = found["steps when stopped"]
    assert code == 75
    assert words == (
        f"stopped on request after step {step}; {words.split('; ')[1].split(' holds')[0]} holds it. "
        "Start the same run again to go on."
    )
    assert f"step={step}-consumed_samples={3 * step}.ckpt" in words


def test_a_resumed_run_ends_with_the_uninterrupted_ones_weights_bit_for_bit(found):
    assert found["gone on"] == DONE
    assert found["halves"] == found["whole"]


def test_a_resumed_run_does_no_step_twice(folder, found):
    assert found["gone on"] == DONE
    records = read_records(RunFolder(path=folder / "halves").metrics)
    assert [record["step"] for record in records if "lr" in record] == list(range(1, 9))


def test_worker_processes_change_nothing(found):
    assert found["with workers"] == DONE
    assert found["workers"] == found["whole"]


def test_an_earlier_attempt_may_not_save(found, folder):
    assert found["late attempt"] == (
        74,
        f"{folder}/halves/checkpoints: attempt 2 has taken over, so attempt 1 must not save any more; nothing was changed.",
    )


def test_a_full_volume_ends_the_attempt_and_harms_nothing(found, folder):
    code, words = found["full volume"]
    assert code == 74
    assert words.startswith(f"{folder}/full/checkpoints/")
    assert ".unfinished: can't be written (rank 0, " in words
    assert words.endswith("); make room or mend the volume.")
    assert found["room again"] == DONE
    assert [checkpoint.manifest.step for checkpoint in committed(folder / "full" / "checkpoints")] == [4, 8]


def test_a_volume_that_takes_no_metrics_ends_the_attempt_as_storage(found, folder):
    words = f"{folder}/no-room: No space left on device; make room or mend the volume."
    assert found["no room for metrics"] == (74, words)


def test_an_error_of_the_system_that_no_volume_makes_stays_what_it_is(found, folder):
    words = f"[Errno 21] Is a directory: '{folder}/in-the-way/records/metrics.jsonl'"
    assert found["metrics in the way"] == (-1, words)


def test_a_run_without_validation_saves_at_its_interval(found):
    assert found["saved without validation"] == {3: [], 6: []}


def test_a_run_that_ends_before_its_first_validation_is_due_saves_what_the_last_one_finds(found):
    saved = found["saved with late validation"]
    assert (list(saved), saved[3]) == ([3, 6], [])
    assert "val_loss" in saved[6]


def test_a_loss_that_is_no_number_ends_the_run_with_the_step_named(found, folder):
    assert found["not finite"] == (
        70,
        "step 2: the loss (nan) or the gradient norm (nan) is not a finite number; this update and all after it were left "
        "out and nothing was saved. Lower model.optim.lr, warm up longer, or look at the data of this step.",
    )
    assert [checkpoint.manifest.step for checkpoint in committed(folder / "not-finite" / "checkpoints")] == [1]


def test_another_network_may_not_go_on_from_a_checkpoint(found, folder):
    name = committed(folder / "halves" / "checkpoints")[-1].path.name
    mend = "to go on from there, or choose another folder with exp_manager.explicit_log_dir"
    assert found["other network"] == (
        64,
        f"model.num_layers: 1 differs from 2 in {name}; set it to 2 {mend}.\n"
        f"model.global_batch_size: 4 differs from 3 in {name}; set it to 3 {mend}.",
    )


def test_other_weights_are_refused(found, folder):
    name = committed(folder / "megamolbart" / "checkpoints")[-1].path.name
    mend = "set it to 2 to go on from there, or choose another folder with exp_manager.explicit_log_dir"
    assert found["other weights"] == (64, f"model.num_layers: 1 differs from 2 in {name}; {mend}.")


@pytest.mark.parametrize(
    ("case", "code", "words"),
    [
        (
            "nothing there",
            66,
            "exp_manager.resume_if_exists: True finds no checkpoint in {folder}/empty/checkpoints; name the folder of a "
            "run, or add exp_manager.resume_ignore_no_checkpoint=True to begin anew when there is none.",
        ),
        (
            "no data",
            66,
            "1 of 1 dataset files are missing: {folder}/molecules/val/x009.csv; bring them, or change "
            "model.data.dataset_path or the ranges in model.data.dataset.",
        ),
        (
            "no weights",
            66,
            "restore_from_path: '/no/where' does not exist; name a checkpoint's folder or an exported file.",
        ),
    ],
)
def test_what_is_missing_is_named(found, folder, case, code, words):
    assert found[case] == (code, words.format(folder=folder))


def test_a_file_that_holds_no_weights_is_refused(found, folder):
    code, words = found["garbage weights"]
    assert code == 65
    assert words.startswith(
        f"restore_from_path: '{folder}/garbage.nemo' does not hold the weights of this network (file could not be opened"
    )
    assert words.endswith("; name a file that was exported from the same family and size.")


def test_training_starts_from_given_weights(found):
    assert found["exported"] == found["sharded"]
    code, loss = found["exported"]
    assert code == 0
    assert loss == pytest.approx(found["last loss"], rel=0.1)


def test_the_best_and_the_newest_checkpoints_are_kept(found):
    assert [name.split("-consumed")[0].split("step=")[-1] for name in found["kept"]] == ["7", "8", "last.ckpt"]
    assert found["kept"][0] == "esm1nv--step=7-consumed_samples=21.ckpt"


@pytest.mark.parametrize("name", NAMES)
def test_an_old_configuration_of_bionemo_trains_on_an_old_folder(folder, found, name):
    assert found[f"old {name}"] == DONE
    records = list(read_records(RunFolder(path=folder / f"old-{name}").metrics))
    assert [record["step"] for record in records if "reduced_train_loss" in record] == [1, 2]
    assert [record["step"] for record in records if "val_loss" in record] == [2]
    assert [checkpoint.manifest.step for checkpoint in committed(folder / f"old-{name}" / "checkpoints")] == [2]
