"""The hosts this house knows: data, not classes. A new host is a new row."""

from __future__ import annotations

from typing import Literal

from ..streaming.parts.frozen import Frozen

Kind = Literal["anthropic", "openai", "openai_compatible", "ollama", "local"]
KINDS: tuple[Kind, ...] = ("anthropic", "openai", "openai_compatible", "ollama", "local")


class Preset(Frozen):
    """Where a provider is, and which variables say otherwise (the first that is set counts)."""

    kind: Kind
    base_url: str | None
    key_variables: tuple[str, ...] = ()
    url_variables: tuple[str, ...] = ()
    model: str | None = None
    """Asked for when nobody names one; only where one is obvious."""
    needs_key: bool = False
    finish_reason_ends: bool = False
    """Leniency: a finish_reason and a clean end of the body count as `[DONE]`."""
    serialises: bool = False
    """Whether its server answers one request at a time, and lets others wait."""


def _hosted(
    base_url: str, variable: str, *more: str, model: str | None = None, lenient: bool = False
) -> Preset:
    """A compatible host on the net: `NAME_API_KEY` goes with `NAME_BASE_URL` and `NAME_API_BASE`."""
    stem = variable.removesuffix("_API_KEY").removesuffix("_TOKEN")
    return Preset(
        "openai_compatible",
        base_url,
        (variable, *more),
        (f"{stem}_BASE_URL", f"{stem}_API_BASE"),
        model,
        needs_key=True,
        finish_reason_ends=lenient,
    )


def _on_this_machine(base_url: str, variable: str, serialises: bool = True) -> Preset:
    """A compatible server of the user's own, which mostly wants no key."""
    keys, urls = (f"{variable}_API_KEY",), (f"{variable}_BASE_URL",)
    return Preset("openai_compatible", base_url, keys, urls, serialises=serialises)


PRESETS: dict[str, Preset] = {
    "anthropic": Preset(
        "anthropic",
        "https://api.anthropic.com",
        ("ANTHROPIC_API_KEY",),
        ("ANTHROPIC_BASE_URL",),
        "claude-sonnet-5-5",
        needs_key=True,
    ),
    "openai": Preset(
        "openai",
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        "gpt-5-mini",
        needs_key=True,
    ),
    "local": Preset("local", None, model="SmolLM2-135M-Instruct", serialises=True),
    "ollama": Preset(
        "ollama",
        "http://localhost:11434",
        ("OLLAMA_API_KEY",),
        ("OLLAMA_HOST", "OLLAMA_BASE_URL"),
        serialises=True,
    ),
    "vllm": _on_this_machine("http://localhost:8000/v1", "VLLM", serialises=False),
    "llamacpp": _on_this_machine("http://localhost:8080/v1", "LLAMACPP"),
    "lmstudio": _on_this_machine("http://localhost:1234/v1", "LM_STUDIO"),
    "openrouter": _hosted("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "groq": _hosted("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "deepseek": _hosted("https://api.deepseek.com", "DEEPSEEK_API_KEY", model="deepseek-chat"),
    "mistral": _hosted("https://api.mistral.ai/v1", "MISTRAL_API_KEY", model="mistral-small-latest"),
    "gemini": _hosted(
        "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", "GOOGLE_API_KEY"
    ),
    "xai": _hosted("https://api.x.ai/v1", "XAI_API_KEY"),
    "together": _hosted("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "perplexity": _hosted("https://api.perplexity.ai", "PERPLEXITY_API_KEY", model="sonar", lenient=True),
    "fireworks": _hosted("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    "cerebras": _hosted("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    "moonshot": _hosted("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    "zai": _hosted("https://api.z.ai/api/paas/v4", "ZAI_API_KEY"),
    "github": _hosted("https://models.github.ai/inference", "GITHUB_TOKEN"),
    "vercel": _hosted("https://ai-gateway.vercel.sh/v1", "VERCEL_AI_GATEWAY_API_KEY"),
}
