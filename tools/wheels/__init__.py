"""The program of build_wheels.sh: build, check and test every wheel that this machine can make."""
