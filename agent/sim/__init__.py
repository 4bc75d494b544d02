"""What stands around a charging station in demonstrations and tests: above all a demo CSMS.

The demo CSMS is a second opinion on the station's own protocol code, so nothing here uses that
code: frames, schema checks, transaction records and meter arithmetic are worked out again from the
standard.
"""
