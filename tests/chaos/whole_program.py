"""A service's program that hurries: `python -m tests.chaos.whole_program notifier serve`.

The seat of a dead process in the Kafka group is free after a second and a half, so that many deaths fit into a short
time. Everything else is the program as it is.
"""

import importlib
import sys

from shared import consumer

SESSION_SECONDS = 1.5


def main() -> None:
    service = sys.argv.pop(1)
    consumer.SESSION_SECONDS = SESSION_SECONDS
    importlib.import_module(f"{service.replace('-', '_')}.__main__").run()


if __name__ == "__main__":
    main()
