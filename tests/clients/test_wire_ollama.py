"""What Ollama's own wire says in its own way."""

from __future__ import annotations

import json

from api_models.clients.wire_ollama import OllamaDecoder


def decoded(*lines):
    decoder = OllamaDecoder()
    return decoder, [chunk for line in lines for chunk in decoder.feed(json.dumps(line).encode() + b"\n")]


def line(content="", done=False, **more):
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    return {"model": "m", "message": message, "done": done, **more}


def test_a_whole_answer_in_order():
    end = line(done=True, done_reason="stop", prompt_eval_count=5, eval_count=2)
    decoder, chunks = decoded(line("a", message={"thinking": "hm"}), line("b"), end)
    assert decoder.ended and [getattr(chunk, "thinking", chunk) for chunk in chunks[:3]] == ["hm", "a", "b"]
    assert (chunks[-1].stop_reason, chunks[-1].model) == ("stop", "m")
    assert (chunks[-1].usage.input_tokens, chunks[-1].usage.output_tokens) == (5, 2)


def test_calls_come_whole_and_decide_the_reason():
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    _, chunks = decoded(line(message={"tool_calls": [call]}), line(done=True, done_reason="stop"))
    assert chunks[0].tool_call.arguments == {"a": 1} and chunks[-1].stop_reason == "tool_calls"


def test_an_error_is_an_error():
    decoder, _ = decoded(line("a"), {"error": "model runner has unexpectedly stopped"})
    assert "unexpectedly" in str(decoder.failure)


def test_lines_without_an_end_are_interrupted():
    decoder, _ = decoded(line("a"))
    decoder.finish()
    assert decoder.failure is not None and not decoder.ended
