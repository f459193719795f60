"""What a sending process begins next: fair to all accounts, and to the receivers of each.

A receiver is judged by what it was like for the account: at a host that many accounts send to, one account's flood, or
its slow path, changes nothing for the others. It gets one attempt at a time until it has answered promptly, then
PER_RECEIVER.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from conversations.rules import delivery_shares
from conversations.rules.delivery_shares import Candidate, Load
from conversations.services.webhooks import sql
from conversations.services.webhooks.attempts import ClaimedDelivery

PER_RECEIVER = 4
# Of each account; and so many accounts. Who is forgotten has to prove itself again.
REMEMBERED_RECEIVERS = 64
REMEMBERED_ACCOUNTS = 10_000


class DeliveryChoice:
    """Remembers who was prompt, and where it left off. One thread chooses; any may `note_pace`."""

    def __init__(self, *, places: int, unproven_places: int) -> None:
        self._places = places
        self._unproven_places = unproven_places
        self._lock = threading.Lock()
        self._prompt: OrderedDict[int, OrderedDict[str, None]] = OrderedDict()
        self._after_account = 0
        self._after_receiver: dict[int, str] = {}

    def choose(self, under_way: Collection[ClaimedDelivery], *, refused: Collection[int] = ()) -> list[int]:
        """The keys of deliveries to claim and begin, beside those that are under way.

        None of `refused`: the database lets nobody claim those.
        """
        load = Load(
            places=self._places,
            unproven_places=self._unproven_places,
            under_way=((one.account_id, one.receiver in self._proven(one.account_id)) for one in under_way),
        )
        if not load.free:
            return []
        # Those that have something under way may be unable to begin more. Of the others each can, or none.
        limit = load.free + len({one.account_id for one in under_way})
        account_ids = self._waiting_accounts(full=load.full_accounts(), refused=refused, limit=limit)
        busy = Counter((one.account_id, one.receiver) for one in under_way)
        lines = [self._line(account_id, place, busy, load) for place, account_id in enumerate(account_ids)]
        candidates = sql.candidates(lines=lines, refused=refused) if lines else []
        picked = delivery_shares.pick(candidates, load=load)
        self._leave_off(lines, candidates, picked, is_cut=len(lines) == limit)
        return [candidate.pk for candidate in picked]

    def _waiting_accounts(self, *, full: Collection[int], refused: Collection[int], limit: int) -> list[int]:
        """Going on where the last choice left off, then from the beginning."""
        after = self._after_account
        found = sql.accounts(after=after, full=full, refused=refused, limit=limit)
        if after and len(found) < limit:
            first = sql.accounts(after=0, full=[*full, *found], refused=refused, limit=limit)
            found += first[: limit - len(found)]
        return found

    def _line(self, account_id: int, place: int, busy: Counter[tuple[int, str]], load: Load) -> dict[str, Any]:
        """What `sql.candidates` is asked for of an account."""
        proven = self._proven(account_id)
        mine = {receiver: count for (owner, receiver), count in busy.items() if owner == account_id}
        room = load.room(account_id, is_proven=True)
        rooms = {receiver: min(room, PER_RECEIVER - mine.get(receiver, 0)) for receiver in proven}
        return {
            "place": place,
            "account": account_id,
            "after": self._after_receiver.get(account_id, ""),
            "room": load.room(account_id, is_proven=False),
            "passed_by": [*proven, *mine],
            "proven": {receiver: some for receiver, some in rooms.items() if some > 0},
        }

    def _leave_off(
        self,
        lines: Sequence[dict[str, Any]],
        candidates: Iterable[Candidate],
        picked: Sequence[Candidate],
        *,
        is_cut: bool,
    ) -> None:
        """Where there were more than were looked at, the next choice goes on behind what this one took."""
        self._after_account = (picked[-1].account_id if picked else lines[-1]["account"]) if is_cut else 0
        looked_at = Counter(one.account_id for one in candidates if not one.is_proven)
        last = {one.account_id: one.receiver for one in picked if not one.is_proven}
        for line in lines:
            account_id = line["account"]
            if looked_at[account_id] < line["room"]:
                self._after_receiver.pop(account_id, None)
            elif account_id in last:
                self._after_receiver[account_id] = last[account_id]

    def note_pace(self, delivery: ClaimedDelivery, *, is_prompt: bool) -> None:
        with self._lock:
            mine = self._prompt.pop(delivery.account_id, OrderedDict())
            mine.pop(delivery.receiver, None)
            if is_prompt:
                mine[delivery.receiver] = None
            if len(mine) > REMEMBERED_RECEIVERS:
                mine.popitem(last=False)
            if mine:
                self._prompt[delivery.account_id] = mine
            if len(self._prompt) > REMEMBERED_ACCOUNTS:
                self._prompt.popitem(last=False)

    def _proven(self, account_id: int) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._prompt.get(account_id, ()))
