"""What dsterm costs: start-up, one-shot, streams, attaching. `python -m benchmarks` measures and judges every row.

Speed is CPU seconds of child processes, or ratios between things measured in turn within one run. Nothing here is imported
by dsterm.
"""
