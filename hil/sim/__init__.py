"""The bench `sim`: real processes and serial drivers on this computer, a simulated board, ptys."""
