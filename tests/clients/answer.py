"""One answer as docs/http.md says to assemble it, and what the test compares with what is stored."""

import json
import sys

# The base address and the session to follow, as every client here is told.
URL, SESSION = sys.argv[1:3]


class Answer:
    def __init__(self):
        self.text = ""
        self.place = "0"
        self.begun = False
        self.over = False
        self.seen = {"seqs": [], "restarts": 0, "blank": 0, "assembled": None, "stated": None}

    def take(self, kind, data, place):
        """Takes an event, by its type, its data and its place."""
        if not data:
            self.seen["blank"] += 1
            return
        event = json.loads(data)
        self.place = place
        if "seq" in event:
            self.seen["seqs"].append(event["seq"])
        if kind == "assistant.delta":
            self.text += event["delta"]
        if kind == "assistant.restarted":
            self.seen["restarts"] += 1
            self.text = ""
        if self.text and not self.begun:
            self.begun = True
            print("begun", flush=True)
        if kind == "assistant.final":
            self.seen.update(assembled=self.text, stated=event["message"])
            self.over = True

    def end(self):
        """Tells the test."""
        print(json.dumps(self.seen), flush=True)
