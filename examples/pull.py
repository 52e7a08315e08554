"""Pull instead of push: iterate the text, or everything that happened."""

from api_models import APIModelManager

with APIModelManager() as manager:
    stream = manager.generate_stream_with_handlers("Count from one to ten.", "local", {"max_tokens": 60})
    for token in stream:
        print(token, end="", flush=True)
    print()
    kinds = [type(event).__name__ for event in stream.events()]  # again, from the start
    print(f"{len(kinds)} events, from {kinds[0]} to {kinds[-1]}")
