"""Faults on purpose: what geoglm promises of its outputs when disks, machines and people fail it."""
