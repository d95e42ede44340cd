// The page in a browser, as a person uses it: each part fails with what is not as it should be.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const [url, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });

/** A browser of a person who was never here, with a page open. A page is behind others where a test says so. */
async function visit() {
  const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  await context.addInitScript(() => {
    let behind = false;
    Object.defineProperty(Document.prototype, "hidden", { get: () => behind });
    window.putBehind = (is) => {
      behind = is;
      document.dispatchEvent(new Event("visibilitychange"));
    };
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(url);
  return page;
}

async function say(page, message) {
  await page.keyboard.type(message);
  await page.keyboard.press("Enter");
}

const answers = (page) => page.locator(".answer > p:first-of-type");
const said = (page) => page.locator(".said");
const notice = (page) => page.locator("#notice");
const focused = (page) => page.evaluate(() => document.activeElement?.id);
const session = (page) => page.evaluate(() => localStorage.getItem("soma.session"));

async function until(page, check, ...with_) {
  await page.waitForFunction(check, with_, { timeout: 20_000 });
}

const ended = (page, count) => until(page, ([count]) => {
  const all = document.querySelectorAll(".answer");
  return all.length === count && document.querySelectorAll(".answer.running").length === 0;
}, count);

const parts = {
  async "a message is answered, and the focus stays in the box"() {
    const page = await visit();
    assert.equal(await focused(page), "text");
    await say(page, "hello [words 4]");
    await ended(page, 1);
    assert.equal(await answers(page).innerText(), "hello w1 w2 w3 w4");
    assert.equal(await focused(page), "text");
    await page.screenshot({ path: screenshot });
    await page.reload();
    await ended(page, 1);
    assert.equal(await said(page).innerText(), "hello [words 4]");
  },

  async "a message whose reply is lost is not said twice"() {
    const page = await visit();
    const keys = new Set();
    let lost = 0;
    await page.route("**/v1/session/message", async (route) => {
      keys.add(route.request().headers()["idempotency-key"]);
      await route.fetch();
      lost += 1;
      await route.abort();
    });
    await say(page, "only once");
    await until(page, () => document.querySelector("#notice").textContent.includes("cannot be reached"));
    assert.equal(lost, 5);
    await page.unroute("**/v1/session/message");
    await until(page, () => document.querySelector("#notice").textContent === "");
    page.on("request", (request) => {
      if (request.method() === "POST") keys.add(request.headers()["idempotency-key"]);
    });
    await page.keyboard.press("Enter");
    await ended(page, 1);
    assert.equal(await said(page).count(), 1);
    assert.equal(keys.size, 1);
    await say(page, "only once");
    await ended(page, 2);
    assert.equal(keys.size, 2, "said again after it was accepted, it is another message");
  },

  async "stop ends the answer that runs, and what waits goes on"() {
    for (const how of ["Escape", "click"]) {
      const page = await visit();
      await say(page, "first [words 200] [pace 50ms]");
      await until(page, () => document.querySelector(".answer > p")?.textContent.includes("w3"));
      await say(page, "second [words 3]");
      await until(page, () => document.querySelectorAll(".said").length === 2);
      if (how === "click") await page.locator("#cancel").click();
      else await page.keyboard.press("Escape");
      await ended(page, 2);
      assert.equal(await page.locator(".failed").count(), 1);
      assert.equal(await answers(page).last().innerText(), "second w1 w2 w3");
      assert.equal(await focused(page), "text", how);
    }
  },

  async "a session that is deleted is told, at once and later"() {
    const page = await visit();
    await say(page, "hello");
    await ended(page, 1);
    const remove = async () => fetch(`${url}/v1/sessions/${await session(page)}`, { method: "DELETE" });
    await remove();
    await page.locator(".told").waitFor();
    assert.match(await page.locator(".told").innerText(), /deleted/);
    await say(page, "again");
    await page.locator(".told").waitFor({ state: "detached" });
    await ended(page, 1);
    await page.evaluate(() => window.putBehind(true));
    await remove();
    await page.evaluate(() => window.putBehind(false));
    await page.locator(".told").waitFor();
    assert.equal(await session(page), null);
  },

  async "the tabs behind leave the connections to the one in front"() {
    const front = await visit();
    await say(front, "hello");
    await ended(front, 1);
    for (let count = 0; count < 7; count += 1) {
      await front.evaluate(() => window.putBehind(true));
      const tab = await front.context().newPage();
      await tab.goto(url);
      await ended(tab, 1);
      await tab.evaluate(() => window.putBehind(true));
    }
    await front.evaluate(() => window.putBehind(false));
    await front.bringToFront();
    await say(front, "still here?");
    await ended(front, 2);
  },

  async "a stream that a proxy refuses is opened again"() {
    const page = await visit();
    await say(page, "hello");
    await ended(page, 1);
    let refused = 0;
    await page.route("**/events?*", async (route) => {
      refused += 1;
      if (refused > 2) await route.continue();
      else await route.fulfill({ status: 502, contentType: "text/html", body: "Bad Gateway" });
    });
    await page.reload();
    await ended(page, 1);
    assert.equal(refused, 3);
  },
};

for (const [name, part] of Object.entries(parts)) {
  try {
    await part();
  } catch (error) {
    console.log(`${name}: ${error.stack}`);
    process.exit(1);
  }
  console.log(name);
}
await browser.close();
