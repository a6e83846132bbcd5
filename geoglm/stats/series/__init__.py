"""Many dates of one pixel: what it was all along, by a hidden Markov chain."""
