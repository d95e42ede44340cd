// One answer as docs/http.md says to assemble it, and what the test compares with what is stored.

export const TYPES = [
  "user.message", "assistant.started", "assistant.thinking", "context.recalled", "assistant.delta",
  "assistant.restarted", "assistant.final", "turn.failed",
];

/** The base address and the session to follow, as every client here is told. */
export const [url, session] = process.argv.slice(2);

export class Answer {
  text = "";
  seen = { seqs: [], restarts: 0, blank: 0, assembled: null, stated: null };
  begun = false;

  /** Takes an event, by its type and its data. Returns whether the answer is over. */
  take(type, data) {
    if (!data) {
      this.seen.blank += 1;
      return false;
    }
    const event = JSON.parse(data);
    if (event.seq) this.seen.seqs.push(event.seq);
    if (type === "assistant.delta") this.text += event.delta;
    if (type === "assistant.restarted") {
      this.seen.restarts += 1;
      this.text = "";
    }
    if (this.text && !this.begun) {
      this.begun = true;
      console.log("begun");
    }
    if (type !== "assistant.final") return false;
    this.seen.assembled = this.text;
    this.seen.stated = event.message;
    return true;
  }

  /** Tells the test, and ends. */
  end() {
    console.log(JSON.stringify(this.seen));
    process.exit(0);
  }
}
