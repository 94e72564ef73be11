"""The programs of a control plane come up or say why not, and none is left behind."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from testkit.cluster_processes import NotReadyError, await_ready, free_ports, start
from testkit.cluster_waiting import eventually

SUPPORT = Path(__file__).parents[1] / "support"
STUBBORN = "trap '' TERM; echo deaf; while true; do sleep 0.1; done"
STARTER = """
import sys, time
from pathlib import Path
sys.path.append(sys.argv[2])
from testkit.cluster_processes import start
print(start(["sleep", "600"], Path(sys.argv[1])).process.pid, flush=True)
time.sleep(600)
"""


def is_alive(pid):
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0


def refusal_of(program, is_ready=lambda: False, within_seconds=10.0):
    with pytest.raises(NotReadyError) as caught:
        await_ready("it is up", is_ready, [program], within_seconds)
    return str(caught.value)


def test_a_program_that_ends_too_early_is_quoted(tmp_path):
    program = start(["bash", "-c", "echo no port left; exit 3"], tmp_path)

    assert refusal_of(program) == "bash ended with 3 before it is up; it said:\nno port left"


def test_a_program_that_is_too_slow_is_quoted(tmp_path):
    program = start(["bash", "-c", "echo thinking; exec sleep 600"], tmp_path)
    assert eventually(lambda: program.last_words)

    said = refusal_of(program, within_seconds=0.1)
    program.stop()

    assert said == f"it is up: not after 0 s; bash ({tmp_path}/bash.log) said:\nthinking"


def test_a_program_that_heeds_no_signal_is_killed(tmp_path):
    program = start(["bash", "-c", STUBBORN], tmp_path)
    assert eventually(lambda: program.last_words)

    program.stop(grace_seconds=0.2)
    program.stop()

    assert program.process.returncode == -signal.SIGKILL


def test_a_program_gets_the_variables_that_it_is_given(tmp_path):
    program = start(["bash", "-c", "echo $GREETING"], tmp_path, {"GREETING": "hello"})
    program.process.wait()

    assert program.last_words == "hello"


def test_a_program_ends_with_its_starter_even_when_that_is_killed(tmp_path):
    command = [sys.executable, "-c", STARTER, tmp_path, SUPPORT]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with starter:
        pid = int(starter.stdout.readline())
        assert is_alive(pid)
        starter.kill()

    assert eventually(lambda: not is_alive(pid))


def test_free_ports_differ_and_are_none_that_outgoing_connections_get():
    ports = free_ports(20)

    assert len(set(ports)) == 20
    assert max(ports) < int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
