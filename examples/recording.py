"""A recording: several readers of one stream, a file, and the same answer once more. Needs no model."""

import tempfile
import threading
from pathlib import Path

from api_models import APIModelManager, StreamManager, StreamRecording, emulate_stream


class Parrot:
    """A client of a model that says the same again."""

    def generate_stream(self, prompt, params):
        return emulate_stream(f"{prompt} {prompt}", chunk_size=4, delay=0.01)


recording, read = StreamRecording(), {}


def follow(name):
    read[name] = "".join(recording)


readers = [threading.Thread(target=follow, args=(name,)) for name in ("early", "late")]
readers[0].start()
with APIModelManager() as manager:
    manager.register_provider("parrot", lambda entry: Parrot())
    manager.generate_stream_with_handlers("Polly wants a cracker!", "parrot", handlers=[recording]).wait()
readers[1].start()
for reader in readers:
    reader.join()
print(read["early"] == read["late"] == recording.text, recording.is_complete)

with tempfile.TemporaryDirectory() as folder:
    recording.save(Path(folder) / "answer.jsonl")
    again = StreamRecording.load(Path(folder) / "answer.jsonl")
stream = StreamManager()
stream.start_stream(again.replay(speed=2.0), again.metadata)
for token in stream:
    print(token, end="|")
print()
