"""Everything that touches the world, without Qt: files, processes, memory, and the controller above them."""
