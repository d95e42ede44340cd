// npm eventsource: it comes back by itself, and stays away once it is told that nothing is left.
import { EventSource } from "eventsource";
import { Answer, TYPES, session, url } from "./answer.mjs";

const answer = new Answer();
const source = new EventSource(`${url}/v1/session/${session}/events?until=final`);
let over = false;
for (const type of [...TYPES, "message"]) {
  source.addEventListener(type, (event) => { over ||= answer.take(type, event.data); });
}
source.addEventListener("error", () => {
  if (over && source.readyState === source.CLOSED) answer.end();
});
