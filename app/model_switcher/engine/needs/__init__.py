"""What every model takes: predicted, asked of the engine, measured."""
