"""`python -m bionemo_operator`: the operator, configured by the environment that `settings` describes."""

import json
import logging
import os
import signal
import sys
import threading
from datetime import UTC, datetime

from bionemo_operator.cluster.credentials import connect
from bionemo_operator.process import Operator
from bionemo_operator.settings import settings_from
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.errors import BioNeMoError

FAILED = 1
_EXTRAS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """One line of JSON for each record, with the fields that it was given."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **{key: value for key, value in vars(record).items() if key not in _EXTRAS},
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, default=str)


def main() -> int:
    """Run until SIGTERM or SIGINT, and return the exit code."""
    try:
        settings = settings_from(os.environ)
        handler = logging.StreamHandler(sys.stderr)
        if settings.log_format == "json":
            handler.setFormatter(JsonFormatter())
        logging.basicConfig(level=logging.INFO, handlers=[handler])
        logging.getLogger("kopf").setLevel(logging.WARNING)
        connection = connect(connections=settings.workers + 4)
    except BioNeMoError as error:
        sys.stderr.write("".join(f"error: {line}\n" for line in str(error).splitlines()))
        return error.exit_code
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    end = Operator(settings, connection).run(stop)
    if end is None:
        return ExitCode.OK
    logging.getLogger(__name__).error("ends, to be started again: %s", end)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
