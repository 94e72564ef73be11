"""Data preparation: raw molecules or proteins to a dataset of BioNeMo's layout, the same bytes however it is run.

`prepare` runs it on this machine, `stages` runs one task or one share of a stage, as a pod does. `plan` says what to do.
"""
