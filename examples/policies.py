"""Policies: what a model says is looked at before anybody sees it. Needs no model."""

from api_models import (
    APIModelManager,
    PolicyChain,
    PolicyViolationError,
    StreamHandler,
    ban_phrases,
    emulate_stream,
    redact_emails,
    redact_keys,
)

ANSWER = "Write to ann@example.com, and use the key sk-proj-abcdefghijklmnop1234. The launch code is 0000."


class Chatterbox:
    """A client of a model that tells everything, three characters at a time."""

    def generate_stream(self, prompt, params):
        return emulate_stream(ANSWER, chunk_size=3)


class Printer(StreamHandler):
    def on_token_received(self, token, index):
        print(token, end="", flush=True)


guard = PolicyChain(redact_keys(), redact_emails(), ban_phrases("launch code"))
with APIModelManager() as manager:
    manager.register_provider("chatterbox", lambda entry: Chatterbox())
    stream = manager.generate_stream_with_handlers(
        "Tell me all.", "chatterbox", handlers=[Printer()], stages=[guard]
    )
    try:
        stream.result()
    except PolicyViolationError as error:
        print(f"\n[{error.policy}: {error.reason}; {len(error.partial_text)} characters were let through]")
