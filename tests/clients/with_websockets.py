"""PyPI websockets: it comes back with the place of the last frame."""

import json
import time

from answer import SESSION, URL, Answer
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import connect

answer = Answer()
base = URL.replace("http", "ws", 1)
while not answer.over:
    target = f"{base}/v1/session/{SESSION}/stream?until=final&after={answer.place}"
    try:
        with connect(target) as socket:
            while True:
                frame = socket.recv()
                event = json.loads(frame)
                answer.take(event["type"], frame, event["id"])
    except ConnectionClosedOK:
        assert answer.over, "it was closed as if the answer were over"
    except (ConnectionClosed, OSError, EOFError):
        time.sleep(0.2)
answer.end()
