// The frame: header, navigation, the view that the URL names, messages.
import { html, useEffect, useErrorBoundary, useRef, useState } from "/page/vendored/preact-htm.js";
import { Button } from "../parts/button.js";
import { Icon } from "../parts/icon.js";
import { Failure } from "../parts/message.js";
import { Toasts } from "../parts/toasts.js";
import { UnreachableBanner, useUnreachable } from "./connection.js";
import { InstallationProvider, useInstallationState } from "./installation.js";
import { obstacleOf } from "./obstacle.js";
import { format, useLocation } from "./router.js";
import { SignIn } from "./sign_in.js";
import { useTheme } from "./theme.js";

const k_views = [
  { name: "search", title: "Search", icon: "search", needsElasticsearch: true, load: () => import("../search/view.js") },
  { name: "images", title: "All images", icon: "grid", needsElasticsearch: true, load: () => import("../images/view.js") },
  { name: "compare", title: "Compare", icon: "compare", load: () => import("../compare/view.js") },
  { name: "console", title: "Console", icon: "terminal", needsElasticsearch: true, load: () => import("../console/view.js") },
  { name: "status", title: "Status", icon: "pulse", load: () => import("../status/view.js") },
];

const viewOf = (name) => k_views.find((view) => view.name === name) ?? k_views[0];

/** The component of a view once its module is there; {component} or {error}. */
function useViewModule(view) {
  const [loaded, setLoaded] = useState({});
  useEffect(() => {
    let wanted = true;
    view.load().then(
      (module) => wanted && setLoaded({ name: view.name, component: module.default }),
      (error) => {
        if (!(error instanceof SyntaxError)) dispatchEvent(new Event("sightline:unreachable"));
        if (wanted) setLoaded({ name: view.name, error });
      },
    );
    return () => { wanted = false; };
  }, [view]);
  return loaded.name === view.name ? loaded : {};
}

function View({ view, parameters }) {
  const { component: Component, error } = useViewModule(view);
  const [broken, forget] = useErrorBoundary((problem) => console.error(problem));
  useEffect(() => { if (broken) forget(); }, [view, parameters.toString()]);
  if (error || broken) {
    return html`<h1 class="visually-hidden">${view.title}</h1><${Failure} title="This view cannot be shown" error=${error ?? broken}>
      <${Button} onClick=${() => location.reload()}>Reload the page<//>
    <//>`;
  }
  return Component ? html`<${Component} parameters=${parameters} />` : html`<div class="empty"><div class="spinner"></div></div>`;
}

function Navigation({ current }) {
  return html`<nav class="shell-nav" aria-label="Views">
    ${k_views.map((view) => html`<a key=${view.name} href=${format(view.name)} aria-current=${view === current ? "page" : undefined}>
      <${Icon} name=${view.icon} />${view.title}
    </a>`)}
  </nav>`;
}

/** A new view is announced and takes the focus, as a new page would. */
function useViewChange(view, main) {
  const first = useRef(true);
  useEffect(() => {
    document.title = view.title + " · Sightline";
    if (first.current) { first.current = false; return; }
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [view]);
}

/** Which keys to ask for ("server" or "cluster": something was refused; "asked": the user wants it), or null. */
function useSignIn() {
  const [why, setWhy] = useState(null);
  useEffect(() => {
    const server = () => setWhy("server");
    const cluster = () => setWhy((now) => now ?? "cluster");
    addEventListener("sightline:key-needed", server);
    addEventListener("sightline:cluster-credentials-needed", cluster);
    return () => {
      removeEventListener("sightline:key-needed", server);
      removeEventListener("sightline:cluster-credentials-needed", cluster);
    };
  }, []);
  return [why, setWhy];
}

/**
 * Whether the server is gone, and a number that changes when the view must begin anew after that: it shows a failure. The user must
 * have done something since the last time at the same address: a request that ends the server would be repeated without end.
 */
function useComebacks(installation, main) {
  const [round, setRound] = useState(0);
  const renewed = useRef(); // the address that began anew
  useEffect(() => {
    const forget = () => { renewed.current = undefined; };
    for (const name of ["pointerdown", "keydown"]) addEventListener(name, forget, true);
    return () => { for (const name of ["pointerdown", "keydown"]) removeEventListener(name, forget, true); };
  }, []);
  const gone = useUnreachable(() => {
    installation.reload();
    if (renewed.current === location.hash || !main.current?.querySelector("[role=alert]")) return;
    renewed.current = location.hash;
    setRound((number) => number + 1);
  });
  return { gone, round };
}

export function App() {
  const { view: name, parameters } = useLocation();
  const view = viewOf(name);
  const installation = useInstallationState();
  const main = useRef(null);
  const [theme, toggleTheme] = useTheme();
  const [signIn, setSignIn] = useSignIn();
  const { gone, round } = useComebacks(installation, main);
  const obstacle = obstacleOf(view, installation, setSignIn);
  useViewChange(view, main);

  return html`<${InstallationProvider} value=${installation}>
    <a class="skip-link" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to the content</a>
    <header class="shell-header">
      <a class="wordmark" href="#/search"><img src="/page/icon.svg" alt="" width="26" height="26" />Sightline</a>
      <${Navigation} current=${view} />
      <div class="shell-tools">
        <${Button} plain icon=${theme === "dark" ? "sun" : "moon"} label=${theme === "dark" ? "Light colours" : "Dark colours"} onClick=${toggleTheme} />
        <${Button} plain icon="key" label="Keys and credentials" onClick=${() => setSignIn("asked")} />
      </div>
    </header>
    ${gone && html`<${UnreachableBanner} />`}
    <main class="view" id="main" tabindex="-1" ref=${main}>${obstacle ? html`<h1 class="visually-hidden">${view.title}</h1>${obstacle}` : html`<${View} key=${round} view=${view} parameters=${parameters} />`}</main>
    ${signIn && html`<${SignIn} why=${signIn} onClose=${() => setSignIn(null)} />`}
    <${Toasts} />
  <//>`;
}
