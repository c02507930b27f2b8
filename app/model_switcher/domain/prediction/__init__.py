"""What a model will take of memory, told from its header without loading it, by llama.cpp's own rules.

Nothing is imported here: whoever reads headers needs the blueprint alone, and starts in half the time.
"""
