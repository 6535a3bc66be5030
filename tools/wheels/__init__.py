"""Every wheel that this machine can make, checked and tested: what build_wheels.sh runs."""
