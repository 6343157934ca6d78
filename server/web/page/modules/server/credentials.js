// The server's key and the cluster's credentials, as the user typed them. Kept for the session (this tab) only.
const store = sessionStorage;

function read(name) {
  try { return store.getItem("sightline." + name) ?? ""; } catch { return ""; }
}

function write(name, value) {
  try {
    if (value) store.setItem("sightline." + name, value);
    else store.removeItem("sightline." + name);
  } catch { /* the key then lasts until the page is closed */ }
}

let key = read("key");
let cluster = read("cluster");

/** Sightline's API key, or "". */
export const serverKey = () => key;
/** The value of Authorization for the cluster, or "". */
export const clusterAuthorization = () => cluster;

export function setServerKey(value) {
  key = value.trim();
  write("key", key);
  dispatchEvent(new Event("sightline:credentials"));
}

/** The value of Authorization for an API key (as Elasticsearch encodes it), or for {user, password}; "" for "". */
export function authorizationOf(value) {
  if (typeof value === "string") return value.trim() ? "ApiKey " + value.trim() : "";
  return "Basic " + btoa(String.fromCharCode(...new TextEncoder().encode(value.user + ":" + value.password)));
}

/** `authorization` is one of authorizationOf(); "" forgets it. */
export function setClusterAuthorization(authorization) {
  cluster = authorization;
  write("cluster", cluster);
  dispatchEvent(new Event("sightline:credentials"));
}

/** True if pictures cannot be fetched by a plain <img>, which sends no credentials. */
export const hasCredentials = () => key !== "" || cluster !== "";

/**
 * The header fields for a path of this origin: routes of the Elasticsearch side take its own credentials.
 * `trial` has those to use instead of the kept ones: {key} or {authorization}.
 */
export function credentialHeaders(path, trial = {}) {
  const headers = {};
  const key = trial.key ?? serverKey();
  const cluster = trial.authorization ?? clusterAuthorization();
  const elastic = path.startsWith("/elasticsearch/") || path.startsWith("/pictures/") || path.startsWith("/v1/projections/");
  if (key) headers[elastic ? "Sightline-Key" : "Authorization"] = elastic ? key : "Bearer " + key;
  if (elastic && cluster) headers.Authorization = cluster;
  return headers;
}
