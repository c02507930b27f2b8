"""`python -m model_switcher.engine.embedded`."""

import sys

from model_switcher.engine.embedded.host import run

if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
