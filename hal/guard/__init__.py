"""The safety guard: the one process that owns every safety line of the station.

It measures the control pilot, decides, drives pilot, contactor and lock, and needs nobody to open.
The services only grant leases: a permission that expires by itself. The rules are pure functions
(`decision` and the modules it puts together); the process around them is small (`process`).

`hal.guard.client` is the services' end of the link and `hal.guard.spawn` starts a guard where no
service manager does; only these two may be imported by other packages.
"""
