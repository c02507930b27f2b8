"""Looks for what is wrong with a machine, and says what to do about it."""

from model_switcher.engine.doctor.examine import examine
from model_switcher.engine.doctor.finding import Finding, Level

__all__ = ["Finding", "Level", "examine"]
