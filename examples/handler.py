"""A handler in ten lines: print the answer as it comes, and say how it ended."""

from api_models import APIModelManager, StreamHandler


class Printer(StreamHandler):
    def on_token_received(self, token, index):
        print(token, end="", flush=True)

    def on_stream_complete(self, full_response):
        print(f"\n-- whole: {len(full_response)} characters --")

    def on_stream_error(self, error):
        print(f"\n-- broken: {error}; kept {len(error.partial_text)} characters --")


with APIModelManager() as manager:
    manager.generate_stream_with_handlers("Name three rivers.", "local", handlers=[Printer()]).wait()
