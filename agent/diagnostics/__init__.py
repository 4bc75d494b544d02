"""Logs for whoever runs the station from afar: collected, without secrets, and uploaded."""
