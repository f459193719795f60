"""The guard for every URL that a customer gives, and requests through it. Only addresses are judged, not ports.

URLs that the operator sets, as for vendors, do not come through here.
"""
