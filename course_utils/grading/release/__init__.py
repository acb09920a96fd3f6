"""Assignments go out: notebooks without keys, rosters, manifests, and made-up classes to rehearse with."""
