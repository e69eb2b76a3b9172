"""What a model may ask for: one tool a file, each a spec, a plan and a run."""
