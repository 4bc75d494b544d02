"""Smart charging: profiles, what they allow at every instant, and the station's limit shared.

- `profiles`: the data, as they are set, kept and reported
- `validation`, `phase_conflicts`, `installation`: which profile may be installed, what gives way
- `ceilings`: limits in A and W with phases, and their minimum
- `timeline`: one profile laid over a window of time
- `stack`: purposes and stack levels: which profile leads when
- `site`, `sharing`, `division`: the EVSEs as they stand, and a station's limit among them
- `plan`, `composite`: all of it together; the same steps set the pilots and are told
- `explanation`: which limits hold at an instant, for people
- `outside`, `needs`: limits that somebody on site sets, and what EVs say that they need
- `orders`, `news`: what the CSMS may order, and what it is told

Time is integer microseconds and electricity integer milliamperes and milliwatts: sums and divisions
are exact, round down, and cost a tenth of what decimals do.
"""
