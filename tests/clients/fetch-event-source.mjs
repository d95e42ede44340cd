// npm @microsoft/fetch-event-source, which expects a browser around it.
import { createRequire } from "node:module";
import { Answer, session, url } from "./answer.mjs";

const { fetchEventSource } = createRequire(import.meta.url)("@microsoft/fetch-event-source");
const nothing = () => {};
globalThis.window = globalThis;
globalThis.document = { hidden: false, addEventListener: nothing, removeEventListener: nothing };

const answer = new Answer();
let over = false;
await fetchEventSource(`${url}/v1/session/${session}/events?until=final`, {
  onmessage: ({ event, data }) => { over ||= answer.take(event, data); },
});
if (over) answer.end();
