"""Erasing everything of a conversation or an account: out of reach at once, erased in batches, also after a kill.

| module | what |
|---|---|
| `begin` | the subject becomes a tombstone, and its erasure a row |
| `advance` | the next batch of an erasure, in a transaction of its own |
| `subjects` | the steps of each kind of subject; another kind is another entry |
| `tombstones` | how a conversation becomes one |
| `content`, `reports`, `knowledge`, `usage`, `accounts`, `visitors` | the steps, by what they erase |
| `remains` | the last step: looks whether anything is left |
"""
