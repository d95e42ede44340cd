// A conversation by a client that openapi-typescript made: what it says compiles only if it is described.
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

declare const process: { argv: string[] };

function must<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

function check(holds: boolean, what: string) {
  if (!holds) throw new Error(what);
}

const api = createClient<paths>({ baseUrl: process.argv[2] });
const receipt = must(await api.POST("/v1/session/message", {
  params: { header: { "Idempotency-Key": "typescript" } },
  body: { message: "hello", metadata: { client: { name: "typescript" } }, when_busy: "enqueue" },
}));
const path = { session_id: receipt.session_id };
const stream = must(await api.GET("/v1/session/{session_id}/events", {
  params: { path, query: { until: "final", stream: "cumulative" } },
  parseAs: "text",
}));
check(stream.includes("event: assistant.final"), stream);
const { events } = must(await api.GET("/v1/sessions/{session_id}/history", { params: { path } }));
check(events[0].message === "hello" && events[1].type === "assistant.final", JSON.stringify(events));
const page = must(await api.GET("/v1/sessions", { params: { query: { limit: 200 } } }));
check(page.items.some(({ session_id }) => session_id === receipt.session_id), "it is not listed");
const call = must(await api.POST("/v1/tool/request", {
  body: { session_id: receipt.session_id, tool_name: "echo", args: { text: "hi" } },
}));
check(call.status === "enqueued", call.status);
const refused = await api.POST("/v1/session/message", { body: { message: " " } });
check(refused.error?.errors?.[0].field === "message", JSON.stringify(refused.error));
const gone = await api.DELETE("/v1/sessions/{session_id}", { params: { path } });
check(gone.response.status === 204, "it is not deleted");
