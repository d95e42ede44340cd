// The description of the interface passes Redocly's linter, without a warning.
import { execFileSync } from "node:child_process";

const [url] = process.argv.slice(2);
const arguments_ = ["lint", `${url}/openapi.json`, "--format", "json"];
const environment = { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" };
let report;
try {
  report = execFileSync("node_modules/.bin/redocly", arguments_, { env: environment, stdio: ["ignore", "pipe", "ignore"] });
} catch (error) {
  report = error.stdout;
}
const { totals, problems } = JSON.parse(report);
if (totals.errors + totals.warnings > 0) {
  for (const { ruleId, message, location } of problems) console.log(ruleId, message, location[0]?.pointer);
  process.exit(1);
}
