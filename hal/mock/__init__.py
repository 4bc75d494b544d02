"""The simulated board: one electrical world in a process of its own, and its clients.

`plant` and `vehicle` are the pure rules of that world, `board` the process that runs them in real
time, `safety_board` and `backends` what the guard and the services hold instead of real devices.
The world outlives its clients as copper does: killing one of them changes nothing but what the
loss of its outputs changes.
"""
