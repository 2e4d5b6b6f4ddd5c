// node workflows.mjs FILE...: GitHub's own workflow validator (the one of its editor extension), offline.
// Prints file:line:column: message for each finding; exits 1 if there is one.
import { readFile } from "node:fs/promises";
import { register } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { TextDocument } from "vscode-languageserver-textdocument";

register("./json.mjs", import.meta.url); // the validator imports JSON without the attribute that node asks for
const { validate } = await import("@actions/languageservice/validate");

let findings = 0;
for (const file of process.argv.slice(2)) {
  const text = await readFile(file, "utf8");
  const document = TextDocument.create(pathToFileURL(resolve(file)).href, "yaml", 1, text);
  for (const { range, message } of await validate(document)) {
    findings += 1;
    console.log(`${file}:${range.start.line + 1}:${range.start.character + 1}: ${message}`);
  }
}
process.exit(findings ? 1 : 0);
