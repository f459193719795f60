"""Selects the deliveries that a sending process begins next: fair to all accounts, and to the destinations of each.

What is remembered of a destination is how it answered this account. At a host that several accounts send to, one
account's flood or slow path changes nothing for the others. Until a destination has answered the account promptly it is
in slow start and gets one attempt at a time; after that it gets PER_DESTINATION.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence

from conversations.rules import delivery_shares
from conversations.rules.delivery_shares import Candidate, Load
from conversations.services.webhooks import sql
from conversations.services.webhooks.attempts import ClaimedDelivery
from conversations.services.webhooks.sql import AccountShare

PER_DESTINATION = 4
# So many destinations of an account, and so many accounts, are remembered. A forgotten one is in slow start again.
REMEMBERED_DESTINATIONS = 64
REMEMBERED_ACCOUNTS = 10_000


class DeliverySelector:
    """Remembers which destinations are prompt, and where the last selection ended.

    One thread at a time may call `select`; any may call `note_response`.
    """

    def __init__(self, *, capacity: int, slow_start_capacity: int) -> None:
        """The largest numbers of attempts at once: of all, and of those to destinations in slow start."""
        self._capacity = capacity
        self._slow_start_capacity = slow_start_capacity
        self._lock = threading.Lock()
        self._prompt: OrderedDict[int, OrderedDict[str, None]] = OrderedDict()
        self._after_account = 0
        self._after_destination: dict[int, str] = {}

    def select(self, in_flight: Collection[ClaimedDelivery], *, refused: Collection[int] = ()) -> list[int]:
        """The keys of the deliveries to claim and begin, besides those in flight.

        None of `refused`: the database refuses every claim of those.
        """
        load = Load(
            capacity=self._capacity,
            slow_start_capacity=self._slow_start_capacity,
            in_flight=((one.account_id, one.destination not in self._prompt_of(one.account_id)) for one in in_flight),
        )
        if not load.free:
            return []
        # Accounts with attempts in flight may be unable to begin more. Every other one can begin one, if any can.
        limit = load.free + len({one.account_id for one in in_flight})
        account_ids = self._waiting_accounts(full=load.full_accounts(), refused=refused, limit=limit)
        busy = Counter((one.account_id, one.destination) for one in in_flight)
        shares = [self._share(account_id, ordinal, busy, load) for ordinal, account_id in enumerate(account_ids)]
        candidates = sql.candidates(shares=shares, refused=refused) if shares else []
        picked = delivery_shares.pick(candidates, load=load)
        self._remember_end(shares, candidates, picked, is_truncated=len(shares) == limit)
        return [candidate.pk for candidate in picked]

    def _waiting_accounts(self, *, full: Collection[int], refused: Collection[int], limit: int) -> list[int]:
        """Those behind the end of the last selection, then those from the beginning."""
        after = self._after_account
        found = sql.accounts(after=after, full=full, refused=refused, limit=limit)
        if after and len(found) < limit:
            first = sql.accounts(after=0, full=[*full, *found], refused=refused, limit=limit)
            found += first[: limit - len(found)]
        return found

    def _share(self, account_id: int, ordinal: int, busy: Counter[tuple[int, str]], load: Load) -> AccountShare:
        prompt = self._prompt_of(account_id)
        own = {destination: count for (owner, destination), count in busy.items() if owner == account_id}
        available = load.available(account_id, is_slow_start=False)
        free = {destination: min(available, PER_DESTINATION - own.get(destination, 0)) for destination in prompt}
        return AccountShare(
            ordinal=ordinal,
            account=account_id,
            after=self._after_destination.get(account_id, ""),
            slow_start=load.available(account_id, is_slow_start=True),
            excluded=[*prompt, *own],
            prompt={destination: count for destination, count in free.items() if count > 0},
        )

    def _remember_end(
        self,
        shares: Sequence[AccountShare],
        candidates: Iterable[Candidate],
        picked: Sequence[Candidate],
        *,
        is_truncated: bool,
    ) -> None:
        """The next selection goes on behind this one, where there was more than this one could read."""
        self._after_account = (picked[-1].account_id if picked else shares[-1].account) if is_truncated else 0
        found = Counter(one.account_id for one in candidates if one.is_slow_start)
        last = {one.account_id: one.destination for one in picked if one.is_slow_start}
        for share in shares:
            if found[share.account] < share.slow_start:
                self._after_destination.pop(share.account, None)
            elif share.account in last:
                self._after_destination[share.account] = last[share.account]

    def note_response(self, delivery: ClaimedDelivery, *, is_prompt: bool) -> None:
        """Remembers whether the destination of an attempt that has ended was prompt."""
        with self._lock:
            own = self._prompt.pop(delivery.account_id, OrderedDict())
            own.pop(delivery.destination, None)
            if is_prompt:
                own[delivery.destination] = None
            if len(own) > REMEMBERED_DESTINATIONS:
                own.popitem(last=False)
            if own:
                self._prompt[delivery.account_id] = own
            if len(self._prompt) > REMEMBERED_ACCOUNTS:
                self._prompt.popitem(last=False)

    def _prompt_of(self, account_id: int) -> tuple[str, ...]:
        """The account's prompt destinations."""
        with self._lock:
            return tuple(self._prompt.get(account_id, ()))
