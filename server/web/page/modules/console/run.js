// Sending the console's requests to the Elasticsearch side of this server.
import { exchange } from "../server/request.js";
import { takesPostForGet } from "./apis.js";
import { sentPath } from "./parse.js";

const k_time_limit_ms = 600000;

/** Why a request cannot be sent, in words; undefined: it can. `lineOf` gives the line of a place in the text. */
export function whyNot(request, lineOf) {
  const problem = request.problems[0];
  if (problem) return `Not sent. Line ${lineOf(problem.from)}: ${problem.message}.`;
  if (request.method === "HEAD" && request.body !== undefined) return "Not sent. HEAD has no body: remove it.";
  if (request.method === "GET" && request.body !== undefined && !takesPostForGet(request.path)) {
    return "Not sent. Browsers cannot send a body with GET, and this path does not accept POST instead. Remove the body, or copy the request as curl and run it in a shell.";
  }
  return undefined;
}

/** The method that is sent: a browser cannot send a body with GET. */
export const sentMethod = (request) => (request.method === "GET" && request.body !== undefined ? "POST" : request.method);

/** The answer of one request: see exchange(). Tables of _cat come as text unless their format is given. */
export function send(request, signal) {
  const table = /^\/*_cat(?:\/|$|\?)/.test(request.path) && !/[?&]format=/.test(request.path);
  return exchange("/elasticsearch/" + sentPath(request.path), {
    method: sentMethod(request), body: request.body, contentType: request.contentType,
    accept: table ? "text/plain" : "application/json", signal, timeout: k_time_limit_ms,
  });
}

/** True if a request that was answered may have changed what the cluster has. */
export function changesCluster(request) {
  if (request.method === "PUT" || request.method === "DELETE") return true;
  return request.method === "POST" && !takesPostForGet(request.path) && !/^\/*_inference\//.test(request.path);
}

async function outcomeOf(request, { signal, lineOf }) {
  const reason = whyNot(request, lineOf);
  if (reason) return { state: "refused", reason };
  try {
    return { state: "done", ...(await send(request, signal)) };
  } catch (error) {
    return signal.aborted ? { state: "stopped" } : { state: "failed", reason: error.message };
  }
}

/**
 * Sends requests one after the other. report(place, answer) gets {state: "running"} and then what came of it:
 * {state: "done", ...exchange()'s}, {state: "failed" | "refused", reason}, {state: "stopped"}, or {state: "skipped"} for
 * those after a failure. `goOn`: failures do not stop the others. HEAD of something missing is an answer, no failure.
 */
export async function runAll(requests, { signal, goOn, lineOf, report }) {
  let failed = false;
  for (const [place, request] of requests.entries()) {
    if (signal.aborted || (failed && !goOn)) {
      report(place, { state: "skipped" });
      continue;
    }
    report(place, { state: "running" });
    const answer = await outcomeOf(request, { signal, lineOf });
    report(place, answer);
    failed ||= !answer.ok && !(answer.state === "done" && request.method === "HEAD");
  }
}
