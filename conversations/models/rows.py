"""The queryset of all tables that belong to an account: requests reach their rows only through `for_account`."""

from typing import Self, TypeVar

from django.db import models

from conversations.models.accounts.accounts import Account

Row_co = TypeVar("Row_co", bound=models.Model, covariant=True)


class AccountRows(models.QuerySet[Row_co]):
    def for_account(self, account: Account | int) -> Self:
        return self.filter(account=account)
