"""`/v1/openapi/aibot-list`, `chat_models`, `balance` and `cost/details` in the document."""

from drf_spectacular.utils import extend_schema

from conversations.views.schema.operations import describe_view
from conversations.views.yuju.account import assistants, balance, chat_models, costs
from conversations.views.yuju.schema.shapes import REFUSED, answer

describe_view(
    assistants.AssistantListView,
    get=extend_schema(
        operation_id="yuju_aibot_list",
        tags=["yuju"],
        summary="Your assistants, newest first",
        responses={
            **answer(assistants.YujuAssistantSerializer(many=True), name="YujuAssistants", description="At most 1000."),
            **REFUSED,
        },
    ),
)
describe_view(
    chat_models.ChatModelListView,
    get=extend_schema(
        operation_id="yuju_chat_models",
        tags=["yuju"],
        summary="The models that `chatMode` may name",
        parameters=[chat_models.ChatModelParameters],
        responses={
            **answer(
                chat_models.YujuChatModelSerializer(many=True),
                name="YujuChatModels",
                description="None for an assistant to which `chatMode` means nothing.",
            ),
            **REFUSED,
        },
    ),
)
describe_view(
    balance.BalanceView,
    get=extend_schema(
        operation_id="yuju_balance",
        tags=["yuju"],
        summary="What your account has left",
        responses={
            **answer(balance.YujuBalanceSerializer(), name="YujuBalanceAnswer", description="The balance."),
            **REFUSED,
        },
    ),
)
describe_view(
    costs.CostListView,
    get=extend_schema(
        operation_id="yuju_cost_details",
        tags=["yuju"],
        summary="What answers cost, and of what",
        description="Vectors of the documents of knowledge bases are of no answer, and not among them.",
        parameters=[costs.CostParameters],
        responses={
            **answer(costs.YujuCostPageSerializer(), name="YujuCosts", description="One page."),
            **REFUSED,
        },
    ),
)
