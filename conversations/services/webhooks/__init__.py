"""Webhook endpoints, events, deliveries and the attempts to send them.

`events` records what happened and has `deliveries` create a row for each endpoint; when a run ends,
`services/runs/notify.py` calls it. A sending process (workers/deliveries.py) asks `selection` what comes next and lets
`attempts` claim and record it. `endpoints` and `secrets` are what customers set up; `pending_limit` bounds what waits;
`sql` finds and claims deliveries at a cost that does not grow with their number.
"""
