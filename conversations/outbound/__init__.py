"""The guard for every URL a customer gives, and requests through it. Addresses alone decide, whatever the port.

URLs the operator sets (vendors upstream) do not come through here.
"""
