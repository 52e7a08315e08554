"""Several handlers on one stream: one prints, one counts, one fails, and harms nobody."""

from api_models import APIModelManager, ConsoleHandler, StreamHandler


class Counter(StreamHandler):
    words = 0

    def on_stream_complete(self, full_response):
        self.words = len(full_response.split())


class Faulty(StreamHandler):
    def on_token_received(self, token, index):
        raise RuntimeError("a bug in this handler")


counter = Counter()
with APIModelManager() as manager:
    stream = manager.generate_stream_with_handlers(
        "What is a bee?",
        "local",
        handlers=[ConsoleHandler(), counter, Faulty()],
        config={"handler_errors": 3},  # whoever failed three times is dropped
    )
    result = stream.result()
print(f"{counter.words} words; {result.stats['handler_errors']} failures of a handler, all of them logged")
