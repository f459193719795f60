"""A plain library that asks language models: canonical values, wire protocols, vendors as data.

It knows nothing of Django, storage or our own API's formats.
"""
