"""Use cases as stories: a whole station on a simulated board against a CSMS, in virtual time."""
