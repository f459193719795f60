"""Pure translation between a public wire form and canonical values, a folder for each API family.

Every folder has the same files: `parse.py`, `render.py`, `stream.py`, `errors.py`. What all families decide
alike about a run's end is in `endings.py`.
"""
