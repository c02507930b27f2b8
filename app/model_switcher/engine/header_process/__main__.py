"""`python -m model_switcher.engine.header_process`."""

import sys

from model_switcher.engine.header_process.serve import run

if __name__ == "__main__":
    sys.exit(run())
