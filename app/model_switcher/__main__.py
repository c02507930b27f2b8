"""`python -m model_switcher`."""

from model_switcher.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
