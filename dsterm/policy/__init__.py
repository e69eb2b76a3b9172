"""Decide, purely: values in, a decision with its reason out."""
