"""What runs, and the one writer that changes it: controller, servers, gate and preflight."""
