"""Knowledge bases: their documents, the jobs that index these, and the upkeep of a whole base.

| module | what |
|---|---|
| `bases` | made, renamed, deleted, re-indexed |
| `embedding_names` | which embeddings a base may name |
| `documents` | added, tried again |
| `removal` | documents deleted with all that is made of them |
| `usage` | what an account's documents take up, for its quotas |
| `jobs` | claimed, given back, recovered |
| `results` | what becomes of a claimed job's document |
| `base_upkeep` | re-indexing and deleting, in batches |
| `contents` | what was read for turns, and where it was found |
| `index` | the passages and words of documents |
"""
