// node iam.mjs <FILE: requests that were judged, as tests/permissions wrote them; judged again by iam-simulate, which knows
// the Service Authorization Reference. Prints each request whose action, resource type or context key AWS does not know, and
// each that it judges otherwise; exits 1 if there is one. The ARN of a function's alias is that of a version, too, and which
// of the two a request names is more than iam-simulate can tell: it does not judge those.
import { readFile } from "node:fs/promises";
import { runSimulation } from "@cloud-copilot/iam-simulate";

// As environment.yaml has it of every key: IAM policies decide.
const KEY = { Effect: "Allow", Principal: { AWS: "arn:aws:iam::123456789012:root" }, Action: "kms:*", Resource: "*" };
const { requests, policies, buckets } = JSON.parse(await readFile(process.argv[2], "utf8"));
const AMBIGUOUS = "multiple.resource.types";
let findings = 0;

for (const { role, action, resource, context, allowed } of requests) {
  if (resource.includes("::document/AWS-")) continue; // of no account, which iam-simulate takes for no document
  const bucket = resource.startsWith("arn:aws:s3:::") ? resource.slice(13).split("/")[0] : "";
  const own = resource.startsWith("arn:aws:kms:") ? [KEY] : buckets[bucket];
  const answer = await runSimulation(
    {
      request: {
        principal: policies[role].arn,
        action,
        resource: { resource, accountId: "123456789012" },
        contextVariables: { ...context, "aws:PrincipalArn": policies[role].arn },
      },
      identityPolicies: [{ name: role, policy: { Version: "2012-10-17", Statement: policies[role].statements } }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      resourcePolicy: own ? { Version: "2012-10-17", Statement: own } : undefined,
    },
    {},
  );
  const said =
    answer.resultType === "error"
      ? answer.errors.message === AMBIGUOUS
        ? ""
        : answer.errors.message
      : (answer.overallResult === "Allowed") !== allowed
        ? `${answer.overallResult}, and here ${allowed ? "allowed" : "refused"}`
        : (answer.result?.ignoredContextKeys ?? []).length
          ? `no such context: ${answer.result.ignoredContextKeys}`
          : "";
  if (said) {
    findings += 1;
    console.log(`${role}: ${action} ${resource}: ${said}`);
  }
}
console.log(`iam-simulate: ${requests.length} requests, ${findings} judged otherwise`);
process.exit(findings ? 1 : 0);
