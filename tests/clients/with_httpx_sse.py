"""PyPI httpx-sse: who uses it comes back with the last id."""

import time

import httpx
from answer import SESSION, URL, Answer
from httpx_sse import connect_sse

answer = Answer()
target = f"{URL}/v1/session/{SESSION}/events?until=final"
with httpx.Client(timeout=60) as http:
    while not answer.over:
        try:
            headers = {"Last-Event-ID": answer.place}
            with connect_sse(http, "GET", target, headers=headers) as source:
                for event in source.iter_sse():
                    answer.take(event.event, event.data, event.id)
        except httpx.TransportError:
            time.sleep(0.2)
    # What is over is not begun again.
    assert http.get(target, headers={"Last-Event-ID": answer.place}).status_code == 204
answer.end()
