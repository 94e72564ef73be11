"""Rank 0 answers Prometheus and the operator with what it was told last, and trains on where it can't."""

import http.client
import json
import socket
import time
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bionemo_trainer.contract import Progress, SavedCheckpoint, progress_from_json
from bionemo_trainer.training.progress import Reporter
from bionemo_trainer.training.startup import Startup

HOST = "127.0.0.1"
SAVED = SavedCheckpoint(step=5, path="checkpoints/step=5.ckpt", size_bytes=2_000, saved_at=1_700_000_000.0)

FOUND = {"val_loss": 1.25, "val_reduced_loss": 1.25, "val_perplexity": 3.5, "val_residue_accuracy": 0.75}


@pytest.fixture
def reporter():
    reporter = Reporter(attempt=2, step=5, max_steps=10, consumed_samples=15)
    yield reporter
    reporter.close()


def get(port, path):
    connection = http.client.HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def samples(port):
    """Values of all metrics by name; of labelled ones, those that are one."""
    families = text_string_to_metric_families(get(port, "/metrics")[2])
    return {
        (sample.name, *(value for name, value in sample.labels.items() if name != "le")): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_training_begins_where_the_earlier_attempt_stood(reporter):
    began_at = reporter.progress.updated_at
    assert time.time() - 60 < began_at <= time.time()
    assert reporter.progress == Progress(
        phase="Starting", attempt=2, step=5, max_steps=10, consumed_samples=15, updated_at=began_at, start_step=5
    )


@pytest.mark.parametrize(
    ("tell", "changes"),
    [
        pytest.param(lambda one: one.enter("Saving"), {"phase": "Saving"}, id="enter"),
        pytest.param(
            lambda one: one.stepped(6, 18), {"phase": "Stepping", "step": 6, "consumed_samples": 18}, id="stepped"
        ),
        pytest.param(lambda one: one.validated(FOUND), {"validation_loss": 1.25}, id="validated"),
        pytest.param(lambda one: one.saved(SAVED), {"checkpoint": SAVED}, id="found"),
        pytest.param(lambda one: one.saved(SAVED, 1.5), {"checkpoint": SAVED}, id="saved"),
        pytest.param(
            lambda one: one.logged(
                step=3, train_loss=1.5, samples_per_second=2.0, tokens_per_second=3.0, eta_seconds=4.0
            ),
            {"train_loss": 1.5, "samples_per_second": 2.0, "tokens_per_second": 3.0, "eta_seconds": 4.0},
            id="logged",
        ),
    ],
)
def test_what_it_is_told_is_its_progress(reporter, tell, changes):
    before = reporter.progress
    tell(reporter)
    after = reporter.progress
    assert after == replace(before, **changes, updated_at=after.updated_at)
    assert after.updated_at >= before.updated_at


@pytest.mark.enable_socket
def test_progress_is_served_as_json(reporter):
    port = reporter.serve(HOST, 0)
    reporter.stepped(6, 18)
    status, content_type, body = get(port, "/progress")
    assert (status, content_type) == (200, "application/json")
    assert progress_from_json(body) == reporter.progress
    assert json.loads(body)["consumedSamples"] == 18


@pytest.mark.enable_socket
def test_metrics_are_served_for_prometheus(reporter):
    port = reporter.serve(HOST, 0)
    reporter.enter("Validating")
    reporter.stepped(6, 18)
    reporter.logged(step=3, train_loss=1.5, samples_per_second=2.0, tokens_per_second=3.0, eta_seconds=4.0)
    reporter.validated(FOUND)
    reporter.saved(SAVED, 1.5)
    found = samples(port)
    assert {name: found[name,] for name in ("bionemo_trainer_step", "bionemo_trainer_steps_total")} == {
        "bionemo_trainer_step": 6.0,
        "bionemo_trainer_steps_total": 1.0,
    }
    assert (found["bionemo_trainer_attempt",], found["bionemo_trainer_max_steps",]) == (2.0, 10.0)
    assert (found["bionemo_trainer_train_loss_nats",], found["bionemo_trainer_validation_loss_nats",]) == (1.5, 1.25)
    assert (found["bionemo_trainer_samples_per_second",], found["bionemo_trainer_tokens_per_second",]) == (2.0, 3.0)
    assert (found["bionemo_trainer_checkpoint_step",], found["bionemo_trainer_checkpoint_bytes",]) == (5.0, 2000.0)
    assert (found["bionemo_trainer_save_seconds_count",], found["bionemo_trainer_save_seconds_sum",]) == (1.0, 1.5)
    assert (found["bionemo_trainer_phase", "Validating"], found["bionemo_trainer_phase", "Starting"]) == (1.0, 0.0)


@pytest.mark.enable_socket
def test_what_validation_measured_is_served_as_far_as_there_is(reporter):
    port = reporter.serve(HOST, 0)
    assert [name for name in samples(port) if name[0] == "bionemo_trainer_validation_ratio"] == []
    reporter.validated(FOUND)
    found = samples(port)
    assert found["bionemo_trainer_validation_perplexity",] == 3.5
    ratios = {name: value for name, value in found.items() if name[0] == "bionemo_trainer_validation_ratio"}
    assert ratios == {("bionemo_trainer_validation_ratio", "residue_accuracy"): 0.75}


@pytest.mark.enable_socket
def test_the_position_in_the_data_goes_on_from_earlier_attempts(reporter):
    port = reporter.serve(HOST, 0)
    assert samples(port)["bionemo_trainer_consumed_samples",] == 15.0
    reporter.stepped(6, 18)
    assert samples(port)["bionemo_trainer_consumed_samples",] == 18.0


@pytest.mark.enable_socket
def test_work_at_risk_is_as_old_as_the_checkpoint_or_the_process(reporter):
    port = reporter.serve(HOST, 0)
    assert 0 <= samples(port)["bionemo_trainer_checkpoint_age_seconds",] < 60
    reporter.saved(replace(SAVED, saved_at=time.time() - 3600), 1.5)
    assert 3600 <= samples(port)["bionemo_trainer_checkpoint_age_seconds",] < 3660


@pytest.mark.enable_socket
def test_the_utilization_is_served_only_where_it_is_known(reporter):
    port = reporter.serve(HOST, 0)
    reporter.metrics.measured_mfu(None)
    assert ("bionemo_trainer_mfu_ratio",) not in samples(port)
    reporter.metrics.measured_mfu(0.4)
    reporter.metrics.measured_mfu(0.5)
    assert samples(port)["bionemo_trainer_mfu_ratio",] == 0.5


@pytest.mark.enable_socket
def test_a_checkpoint_that_was_found_was_not_saved_now(reporter):
    port = reporter.serve(HOST, 0)
    reporter.saved(SAVED)
    assert samples(port)["bionemo_trainer_save_seconds_count",] == 0.0


@pytest.mark.enable_socket
@pytest.mark.parametrize("path", ["/metrics", "/progress"])
def test_what_is_added_to_a_path_changes_nothing(reporter, path):
    port = reporter.serve(HOST, 0)
    assert get(port, f"{path}?timeout=5s")[:2] == get(port, path)[:2]


@pytest.mark.enable_socket
def test_other_paths_are_answered_with_the_two_there_are(reporter):
    status, _, body = get(reporter.serve(HOST, 0), "/")
    assert status == 404
    assert "There are /metrics and /progress." in body


@pytest.mark.enable_socket
def test_polls_are_not_logged(reporter, capfd):
    get(reporter.serve(HOST, 0), "/progress")
    assert capfd.readouterr().err == ""


@pytest.mark.enable_socket
def test_a_taken_port_is_told_and_nothing_more(reporter, caplog):
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert reporter.serve(HOST, port) is None
    assert caplog.messages == [f"progress is not served: port {port} can't be used (Address already in use)"]
    reporter.stepped(6, 18)
    assert reporter.progress.step == 6


@pytest.mark.enable_socket
def test_a_closed_reporter_answers_no_more(reporter):
    port = reporter.serve(HOST, 0)
    reporter.close()
    reporter.close()
    with pytest.raises(ConnectionRefusedError):
        get(port, "/progress")


@pytest.mark.enable_socket
def test_the_start_is_told_by_its_phases(reporter):
    startup = Startup(None)
    startup.seconds.update({"launcher": 2.5, "first step": 4.0})
    reporter.metrics.started_up(startup)
    served = samples(reporter.serve(HOST, 0))
    told = {name: value for name, value in served.items() if name[0] == "bionemo_trainer_startup_seconds"}
    assert told == {
        ("bionemo_trainer_startup_seconds", "launcher"): 2.5,
        ("bionemo_trainer_startup_seconds", "first step"): 4.0,
    }


def test_the_log_tells_the_story_of_a_training(reporter, caplog):
    caplog.set_level("INFO", "bionemo_trainer")
    reporter.logged(step=6, train_loss=1.5, samples_per_second=1234.56, tokens_per_second=61000.4, eta_seconds=3723.4)
    reporter.validated({"val_loss": 1.25, "val_perplexity": 3.4903})
    reporter.saved(SAVED)
    reporter.saved(replace(SAVED, step=6, path="checkpoints/six.ckpt", size_bytes=45_100_000), 1.26)
    assert caplog.messages == [
        "step 6 of 10: loss 1.5000, 1,234.6 samples/s, 61,000 tokens/s, 1:02:03 left",
        "validation: val_loss 1.2500, val_perplexity 3.4903",
        "saved checkpoints/six.ckpt of step 6: 45.1 MB in 1.3 s",
    ]
