"""Any OpenAI-compatible server, by its address: here a tiny one of our own, so that it runs offline."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from api_models import APIModelManager, ConsoleHandler


class Parrot(BaseHTTPRequestHandler):
    """Speaks Chat Completions: repeats the last message, word by word."""

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in request["messages"][-1]["content"].split(" "):
            chunk = {"model": request["model"], "choices": [{"index": 0, "delta": {"content": word + " "}}]}
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.write(b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\n')
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
threading.Thread(target=server.serve_forever, daemon=True).start()
parrot = {
    "kind": "openai_compatible",
    "base_url": f"http://127.0.0.1:{server.server_port}/v1",
    "model": "parrot-1",
}
with APIModelManager({"default_provider": "parrot", "providers": {"parrot": parrot}}) as manager:
    stream = manager.generate_stream_with_handlers("Polly wants a cracker", handlers=[ConsoleHandler()])
    print(stream.result().stop_reason)
server.shutdown()
server.server_close()
