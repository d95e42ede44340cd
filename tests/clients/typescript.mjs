// Makes a client of the description by openapi-typescript, and holds a conversation by it: conversation.ts.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";

const [url] = process.argv.slice(2);
const run = (program, ...arguments_) => execFileSync(program, arguments_, { stdio: ["ignore", "inherit", "inherit"] });
mkdirSync("generated", { recursive: true });
copyFileSync("conversation.ts", "generated/conversation.ts");
run("node_modules/.bin/openapi-typescript", `${url}/openapi.json`, "--output", "generated/api.ts");
run(
  "node_modules/.bin/tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom",
  "--skipLibCheck", "generated/conversation.ts",
);
run("node", "generated/conversation.js", url);
