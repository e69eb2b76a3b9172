"""The model list as Novita gives it: prices are integers in 1/10,000 US dollars per 1,000,000 tokens."""

from __future__ import annotations

import msgspec

from dsterm.demo.validation import CONTEXT_WINDOW, MAX_OUTPUT


class ListedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the list; sizes are tokens."""

    id: str
    title: str
    description: str
    input_token_price_per_m: int
    output_token_price_per_m: int
    cache_read_input_token_price_per_m: int
    display_name: str
    object: str = "model"
    created: int = 1_777_248_000
    context_size: int = CONTEXT_WINDOW
    max_output_tokens: int = MAX_OUTPUT
    features: tuple[str, ...] = ("serverless", "function-calling", "reasoning")
    input_modalities: tuple[str, ...] = ("text",)
    output_modalities: tuple[str, ...] = ("text",)
    model_type: str = "chat"
    endpoints: tuple[str, ...] = ("chat/completions",)
    status: int = 1
    support_prompt_cache: bool = True


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    """What `GET /v1/models` answers."""

    data: tuple[ListedModel, ...]
    object: str = "list"


_MODELS = (
    ListedModel(
        id="deepseek/deepseek-v4-pro",
        title="Demo of V4 Pro",
        display_name="Demo of V4 Pro",
        description="No model: dsterm's rule-driven demo at the prices of V4 Pro.",
        input_token_price_per_m=16_000,
        output_token_price_per_m=32_000,
        cache_read_input_token_price_per_m=1_350,
    ),
    ListedModel(
        id="deepseek/deepseek-v4-flash",
        title="Demo of V4 Flash",
        display_name="Demo of V4 Flash",
        description="No model: dsterm's rule-driven demo at the prices of V4 Flash.",
        input_token_price_per_m=1_400,
        output_token_price_per_m=2_800,
        cache_read_input_token_price_per_m=280,
    ),
)

MODEL_IDS = tuple(model.id for model in _MODELS)
"""The names that a request may ask for."""


def model_list() -> ModelList:
    """The models on offer."""
    return ModelList(data=_MODELS)
