"""Workers."""

from factory.django import DjangoModelFactory

from conversations.models import Worker
from tests.factories.declarations import factory


class WorkerFactory(DjangoModelFactory[Worker]):
    """Alive now, by the database's clock."""

    class Meta:
        model = Worker

    name = factory.Sequence("worker {}".format)
    queue = "runs"
