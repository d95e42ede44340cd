"""Makes a client of the description by openapi-python-client, and holds a conversation by it."""

import os
import subprocess
import sys
from pathlib import Path

URL = sys.argv[1]
FOLDER = Path("generated/python")
PROGRAMS = Path(sys.executable).parent
# What it has to say about the description, it says as warnings.
subprocess.run(
    [PROGRAMS / "openapi-python-client", "generate", "--url", f"{URL}/openapi.json", "--output-path", FOLDER, "--overwrite",
     "--meta", "none", "--fail-on-warning"],
    check=True,
    env={**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"},
)
sys.path.insert(0, str(FOLDER.parent))

from python import Client, models  # noqa: E402
from python.api.conversation import follow_session, submit_message  # noqa: E402
from python.api.sessions import delete_session, list_sessions, read_history  # noqa: E402
from python.api.tools import request_tool  # noqa: E402

client = Client(base_url=URL)
metadata = models.MessageMetadata.from_dict({"client": {"name": "python"}})
message = models.Message(message="hello", metadata=metadata, when_busy=models.WhenBusy.ENQUEUE)
receipt = submit_message.sync(client=client, body=message, idempotency_key="python")
session = receipt.session_id
stream = follow_session.sync_detailed(session, client=client, until=models.StreamEnd.FINAL)
assert b"event: assistant.final" in stream.content, stream.content
events = read_history.sync(session, client=client).events
assert [event.message for event in events][0] == "hello"
assert events[1].type_ == "assistant.final"
listed = list_sessions.sync(client=client, limit=200).items
assert any(item.session_id == session for item in listed)
arguments = models.ToolRequestArgs.from_dict({"text": "hi"})
call = request_tool.sync(
    client=client, body=models.ToolRequest(session_id=session, tool_name="echo", args=arguments)
)
assert call.status == "enqueued"
refused = submit_message.sync(client=client, body=models.Message(message=" "))
assert refused.errors[0].field == "message", refused
assert delete_session.sync_detailed(session, client=client).status_code == 204
