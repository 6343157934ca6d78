// Asks for the server's key and the cluster's credentials.
import { html, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Dialog } from "../parts/dialog.js";
import { clusterAuthorization, serverKey, setClusterCredentials, setServerKey } from "../server/credentials.js";
import { useInstallation } from "./installation.js";

const k_reasons = {
  server: "This server asks for an API key: one of those in the file that its operator gave with --api-key-file.",
  cluster: "The Elasticsearch cluster asks for your credentials.",
  asked: "Keys are kept in this tab until you close it, and are sent to this server alone.",
};

function ServerKey({ onDone }) {
  const [value, setValue] = useState(serverKey());
  const save = (event) => {
    event.preventDefault();
    setServerKey(value);
    onDone();
  };
  return html`<form class="stack" onSubmit=${save}>
    <label class="field"><span>Sightline's API key</span>
      <input class="input" type="password" name="server-key" autocomplete="off" autofocus value=${value} onInput=${(event) => setValue(event.target.value)} />
    </label>
    <div class="row"><${Button} main type="submit">Use this key<//>${serverKey() && html`<${Button} onClick=${() => { setServerKey(""); onDone(); }}>Forget it<//>`}</div>
  </form>`;
}

function ClusterCredentials({ onDone }) {
  const [kind, setKind] = useState("api-key");
  const [apiKey, setApiKey] = useState("");
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const save = (event) => {
    event.preventDefault();
    setClusterCredentials(kind === "api-key" ? apiKey : { user, password });
    onDone();
  };
  const text = (title, name, type, value, set) => html`<label class="field"><span>${title}</span>
    <input class="input" name=${name} type=${type} autocomplete="off" value=${value} onInput=${(event) => set(event.target.value)} /></label>`;
  return html`<form class="stack" onSubmit=${save}>
    <fieldset class="plain-fieldset row"><legend class="visually-hidden">Kind of credentials</legend>
      ${[["api-key", "API key"], ["password", "User and password"]].map(([value, title]) => html`<label class="check" key=${value}>
        <input type="radio" name="kind" value=${value} checked=${kind === value} onChange=${() => setKind(value)} />${title}</label>`)}
    </fieldset>
    ${kind === "api-key"
      ? text("Elasticsearch API key (encoded)", "api-key", "password", apiKey, setApiKey)
      : html`${text("User", "user", "text", user, setUser)}${text("Password", "password", "password", password, setPassword)}`}
    <div class="row"><${Button} main type="submit">Use these<//>${clusterAuthorization() && html`<${Button} onClick=${() => { setClusterCredentials(""); onDone(); }}>Forget them<//>`}</div>
  </form>`;
}

/** why: "server", "cluster" (what was refused) or "asked" (the user opened it). */
export function SignIn({ why, onClose }) {
  const { page } = useInstallation();
  const gateway = page?.elasticsearch?.kind === "gateway";
  return html`<${Dialog} title=${why === "cluster" ? "Credentials for Elasticsearch" : "Keys and credentials"} narrow onClose=${onClose}>
    <div class="stack">
      <p class="soft">${k_reasons[why]}</p>
      ${why !== "cluster" && html`<${ServerKey} onDone=${onClose} />`}
      ${(why === "cluster" || (why === "asked" && gateway)) && html`<${ClusterCredentials} onDone=${onClose} />`}
    </div>
  <//>`;
}
