"""A plain library for talking to language models: canonical values, wire protocols, vendors as data.

It knows nothing of Django, storage or the customers' wire forms.
"""
