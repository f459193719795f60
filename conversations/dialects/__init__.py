"""Pure translation between public wire forms and canonical values: a folder for each API family.

A family has `dialect.py` (its entry in the registry), `errors.py`, and for each kind of turn the request (`parse`)
and the answer (`render`, `stream`). Beside the folders is what families share; `api` belongs to our own API.
"""
