"""The parts of tests/bench/isfc: sandbox, wires, members, load, and the cases."""
