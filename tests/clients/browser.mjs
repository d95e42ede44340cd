// A browser's own EventSource, on the gateway's own page.
import { chromium } from "playwright-core";
import { Answer, TYPES, session, url } from "./answer.mjs";

const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const page = await browser.newPage();
const answer = new Answer();
let over = false;
let closed;
const ended = new Promise((done) => { closed = () => { if (over) done(); }; });
await page.exposeFunction("take", (type, data) => { over ||= answer.take(type, data); });
await page.exposeFunction("stayedAway", closed);
await page.goto(`${url}/`);
await page.evaluate(([target, types]) => {
  const source = new EventSource(target);
  for (const type of types) source.addEventListener(type, (event) => window.take(type, event.data));
  source.onerror = () => { if (source.readyState === EventSource.CLOSED) window.stayedAway(); };
}, [`v1/session/${session}/events?until=final`, [...TYPES, "message"]]);
await ended;
await browser.close();
answer.end();
