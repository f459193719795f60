"""The life of a run: every write to a run, from its acceptance to the erasure of what is not stored.

| module | called by | for |
|---|---|---|
| `accept` | views | storing a request with its run; the only way a run begins |
| `idempotency`, `tasks` | `accept`, the sweep | what a request may have besides its run: its key, its task |
| `claim` | workers | taking a run for one worker |
| `finish` | workers, the sweep | ending a run, or putting it back in the queue |
| `cancel` | views, the admin, `accept` | stopping a run, queued or in progress |
| `ends` | `finish`, `cancel` | locking an active run for its end, and an end without an answer |
| `readers` | views, workers, the sweep | marking a run as streamed, and erasing one that is not stored |
| `notify` | `accept`, `finish`, `cancel` | events and callbacks, in the transaction of what they report |
| `fair_shares` | `accept`, `claim`, `finish`, the sweep | which accounts' runs are held, and waking them |
| `records` | `accept`, `finish`, workers | the JSON of requests and answers in a run's row |
| `sql` | `accept`, `claim`, `finish`, workers | the statements of the hot path |
"""
