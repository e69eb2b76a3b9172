"""One prompt in, one answer out: dsterm -p."""
