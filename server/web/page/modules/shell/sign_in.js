// Asks for the server's key and the cluster's credentials.
import { html, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { Failure, Message } from "../parts/message.js";
import { authorizationOf, clusterAuthorization, serverKey, setClusterAuthorization, setServerKey } from "../server/credentials.js";
import { elasticsearch } from "../server/elasticsearch.js";
import { pageInfo } from "../server/sightline.js";
import { useInstallation } from "./installation.js";

function reasonOf(why) {
  if (why === "asked") return "Keys are stored in this tab until you close it, and are sent only to this server.";
  if (why === "cluster") return clusterAuthorization() ? "The cluster refuses the credentials stored in this tab." : "The Elasticsearch cluster requires your credentials.";
  return serverKey()
    ? "The server refuses the key stored in this tab: it may have been revoked."
    : "This server requires an API key. Its operator can make one with scripts/make_api_key.sh.";
}

/** Tries keys before they are kept. run(ask, keep): `keep` once `ask` was answered; {busy, problem} meanwhile and after. */
function useTrial(onDone) {
  const [state, setState] = useState({});
  const run = async (ask, keep) => {
    setState({ busy: true });
    try {
      await ask();
    } catch (problem) {
      return setState({ problem });
    }
    keep();
    onDone();
  };
  return { ...state, run };
}

/** Header fields take ASCII alone: another character was copied with the key, perhaps one that cannot be seen. Throws an Error. */
function checkKey(key) {
  const stray = /[^\x21-\x7e]/u.exec(key.trim());
  if (!stray) return;
  const code = stray[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  throw new Error(`Character ${stray.index + 1} (U+${code}) cannot be part of a key: only letters, digits and signs of ASCII can. Copy the key again.`);
}

function Problem({ problem, refused }) {
  if (!problem) return null;
  return [401, 403].includes(problem.status) ? html`<${Message} kind="bad"><p>${refused}</p><//>` : html`<${Failure} error=${problem} />`;
}

function Field({ title, name, type = "password", value, onInput, ...others }) {
  return html`<label class="field"><span>${title}</span>
    <input class="input" name=${name} type=${type} autocomplete="off" spellcheck=${false} required value=${value} onInput=${(event) => onInput(event.target.value)} ...${others} />
  </label>`;
}

function ServerKey({ onDone }) {
  const [value, setValue] = useState(serverKey());
  const { busy, problem, run } = useTrial(onDone);
  const save = (event) => {
    event.preventDefault();
    run(() => {
      checkKey(value);
      return pageInfo({ trial: { key: value.trim() } });
    }, () => setServerKey(value));
  };
  return html`<form class="stack" onSubmit=${save}>
    <${Field} title="Sightline's API key" name="server-key" autofocus value=${value} onInput=${setValue} />
    <${Problem} problem=${problem} refused="The server refuses this key. Check that it was copied completely." />
    <div class="row"><${Button} main type="submit" disabled=${busy}>Use this key<//>${serverKey() && html`<${Button} onClick=${() => { setServerKey(""); onDone(); }}>Remove it<//>`}</div>
  </form>`;
}

function ClusterCredentials({ onDone, autofocus }) {
  const [kind, setKind] = useState("api-key");
  const [apiKey, setApiKey] = useState("");
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useTrial(onDone);
  const save = (event) => {
    event.preventDefault();
    const authorization = authorizationOf(kind === "api-key" ? apiKey : { user, password });
    run(() => {
      if (kind === "api-key") checkKey(apiKey);
      return elasticsearch("", { trial: { authorization } });
    }, () => setClusterAuthorization(authorization));
  };
  return html`<form class="stack" onSubmit=${save}>
    <fieldset class="plain-fieldset row"><legend class="visually-hidden">Kind of credentials</legend>
      ${[["api-key", "API key"], ["password", "User and password"]].map(([value, title]) => html`<label class="check" key=${value}>
        <input type="radio" name="kind" value=${value} checked=${kind === value} onChange=${() => setKind(value)} />${title}</label>`)}
    </fieldset>
    ${kind === "api-key"
      ? html`<${Field} key="api-key" title="Elasticsearch API key (encoded)" name="api-key" autofocus=${autofocus} value=${apiKey} onInput=${setApiKey} />`
      : html`<${Field} key="user" title="User" name="user" type="text" value=${user} onInput=${setUser} />
        <${Field} key="password" title="Password" name="password" value=${password} onInput=${setPassword} />`}
    <${Problem} problem=${problem} refused="The cluster refuses these credentials." />
    <div class="row"><${Button} main type="submit" disabled=${busy}>Use these<//>${clusterAuthorization() && html`<${Button} onClick=${() => { setClusterAuthorization(""); onDone(); }}>Forget them<//>`}</div>
  </form>`;
}

/** why: "server", "cluster" (what was refused) or "asked" (the user opened it). */
export function SignIn({ why, onClose }) {
  const { page } = useInstallation();
  const gateway = page?.elasticsearch?.kind === "gateway";
  return html`<${Dialog} title=${why === "cluster" ? "Credentials for Elasticsearch" : "Keys and credentials"} narrow onClose=${onClose}>
    <div class="stack">
      <p class="soft">${reasonOf(why)}</p>
      ${why !== "cluster" && html`<${ServerKey} onDone=${onClose} />`}
      ${(why === "cluster" || (why === "asked" && gateway)) && html`<${ClusterCredentials} autofocus=${why === "cluster"} onDone=${onClose} />`}
    </div>
  <//>`;
}
