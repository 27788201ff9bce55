"""Generators: who calls what, and when. See docs/generators.md."""
