"""Assignments go out: notebooks without keys, rosters, manifests, and sample submissions to try a term with."""
