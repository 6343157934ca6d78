// A request as a command for a shell, without anybody's key.
import { sentPath } from "./parse.js";

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

/**
 * request: of parseConsole(). base: the address of the Elasticsearch side. needs: header fields to add, as text
 * ("Authorization: ApiKey ..."); they are named in comments.
 */
export function curlOf(request, base, needs = []) {
  const method = request.method === "HEAD" ? ["--head"] : ["-X", request.method];
  const parts = ["curl", "-sS", ...method, quoted(base.replace(/\/+$/, "") + "/" + sentPath(request.path))];
  let command = parts.join(" ");
  if (request.body !== undefined) {
    command += ` \\\n  -H ${quoted("Content-Type: " + request.contentType)} \\\n  --data-binary ${quoted(request.body)}`;
  }
  return [...needs.map((field) => `# Add your own: -H ${quoted(field)}`), command].join("\n") + "\n";
}
