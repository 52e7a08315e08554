"""`async for` over a recording: the same text, no thread, and a loop that is never blocked."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
from fakes import TIMEOUT, finish
from test_recording import recorded, recording_now

from api_models.exceptions import RateLimitError
from api_models.handlers.recording import StreamRecording
from api_models.streaming import stream_events as events


async def read(recording):
    return [text async for text in recording]


def running(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, TIMEOUT))


def test_an_ended_recording_is_read_as_it_is():
    assert running(read(recorded("a", "b"))) == ["a", "b"]


def test_readers_on_a_loop_follow_a_stream_on_its_thread():
    """Sixteen at once, joining when they like; all get all, and no thread is made for them."""

    async def follow():
        recording, stream, source = recording_now("0")
        readers = [asyncio.create_task(read(recording)) for _ in range(8)]
        threads = threading.active_count()
        for number in range(1, 200):
            source.push(str(number))
            if number % 25 == 0:
                await asyncio.sleep(0)
                readers.append(asyncio.create_task(read(recording)))
        assert threading.active_count() == threads
        source.end()
        return await asyncio.gather(*readers), stream

    readings, stream = running(follow())
    finish(stream)
    assert len(readings) > 8
    assert all(reading == [str(number) for number in range(200)] for reading in readings)


def test_an_error_comes_behind_the_text():
    error, heard = RateLimitError("slow down"), []

    async def follow():
        async for text in recorded("a", failing=error):
            heard.append(text)  # what came before the error counts

    with pytest.raises(RateLimitError) as caught:
        running(follow())
    assert (caught.value, heard) == (error, ["a"])


def test_b0_15_a_cancelled_reader_is_cancelled_and_leaves_nothing_behind():
    """The cancellation is not swallowed, and nobody wakes who is not there."""

    async def follow():
        recording, stream, source = recording_now("a")
        reader = asyncio.create_task(read(recording))
        while not recording._log.sleepers:
            await asyncio.sleep(0)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        assert not recording._log.sleepers
        source.push("b").end()
        await asyncio.to_thread(finish, stream)
        return await read(recording)

    assert running(follow()) == ["a", "b"]


def test_b0_17_the_loop_is_woken_from_the_streams_thread():
    """While it waits the loop runs other tasks, and it hears of the text without polling."""

    async def follow():
        recording, stream, source = recording_now()
        reader = asyncio.create_task(read(recording))
        while not recording._log.sleepers:
            await asyncio.sleep(0)
        ran = await asyncio.sleep(0, "others run")
        source.push("a").end()
        return ran, await reader, stream

    ran, texts, stream = running(follow())
    finish(stream)
    assert (ran, texts) == ("others run", ["a"])


def test_a_long_recording_lets_others_run_in_between():
    recording = StreamRecording()
    for number in range(20_000):
        recording.on_token_received("x", number)
    recording.on_event(events.StreamCompleted("s", 1.0, events.StreamResult("")))
    turns = 0

    async def follow():
        nonlocal turns
        reader = asyncio.create_task(read(recording))
        while not reader.done():
            turns += 1
            await asyncio.sleep(0)
        return await reader

    assert len(running(follow())) == 20_000
    assert turns >= 15


def test_a_loop_that_was_closed_harms_nobody():
    """A reader that stayed behind on it is not a reason for the stream to fail."""
    recording, stream, source = recording_now("a")
    loop = asyncio.new_event_loop()

    async def begin():
        reading = aiter(recording)
        assert await anext(reading) == "a"
        waiting = asyncio.ensure_future(anext(reading))
        while not recording._log.sleepers:
            await asyncio.sleep(0)
        return waiting

    waiting = loop.run_until_complete(begin())
    wake = next(iter(recording._log.sleepers))
    waiting.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
    wake()  # what a stream does that looked at the same moment
    source.push("b").end()
    finish(stream)
    assert list(recording) == ["a", "b"]


def test_breaking_off_leaves_nothing_behind():
    async def follow():
        recording = recorded("a", "b")
        async for text in recording:
            assert text == "a"
            break
        assert not recording._log.sleepers

    running(follow())


def test_asyncio_is_loaded_when_it_is_needed():
    code = "import sys, api_models.handlers.recording; print('asyncio' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "False\n"
