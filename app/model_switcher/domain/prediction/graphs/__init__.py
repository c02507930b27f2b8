"""The compute graphs of llama.cpp's architectures."""
