"""PyPI sseclient-py, which reads the bytes of any client: who uses it comes back with the last id."""

import time

import httpx
from answer import SESSION, URL, Answer
from sseclient import SSEClient

answer = Answer()
target = f"{URL}/v1/session/{SESSION}/events?until=final"
with httpx.Client(timeout=60) as http:
    while not answer.over:
        try:
            with http.stream("GET", target, headers={"Last-Event-ID": answer.place}) as response:
                for event in SSEClient(response.iter_bytes()).events():
                    answer.take(event.event, event.data, event.id)
        except httpx.TransportError:
            time.sleep(0.2)
answer.end()
