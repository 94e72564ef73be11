"""Alerts are rules that Prometheus takes, and each is shown once to fire and once to be quiet."""

import subprocess
from pathlib import Path

import pytest
import yaml

from testkit.monitoring import ALERT_FILES, alerts

CASES = Path(__file__).with_name("alerts.yaml")


def promtool(*arguments):
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)


def test_prometheus_takes_the_rules():
    checked = promtool("check", "rules", *ALERT_FILES)
    assert checked.returncode == 0, checked.stderr


def test_every_case_ends_as_it_says():
    tested = promtool("test", "rules", CASES)
    assert tested.returncode == 0, tested.stderr + tested.stdout


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_has_a_case_that_fires_and_one_that_is_quiet(alert):
    firing, quiet = f"{alert['alert']} fires", f"{alert['alert']} is quiet"
    cases = [case for case in yaml.safe_load(CASES.read_text())["tests"] if case["name"].startswith((firing, quiet))]
    asked = [(case["name"].startswith(firing), test) for case in cases for test in case["promql_expr_test"]]
    assert {fires for fires, _ in asked} == {True, False}
    assert all(bool(test.get("exp_samples")) == fires for fires, test in asked)
    assert all(f'alertname="{alert["alert"]}"' in test["expr"] for _, test in asked)
