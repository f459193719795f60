import pytest

from tests.journeys.client_tokens.browsers import Customer
from tests.journeys.service import Service


@pytest.fixture(scope="module")
def customer(service: Service) -> Customer:
    return Customer.new(service)


@pytest.fixture(scope="module")
def other(service: Service) -> Customer:
    return Customer.new(service)


@pytest.fixture(scope="module")
def helper(customer: Customer) -> str:
    """An assistant."""
    return customer.assistant(name="Helper")
