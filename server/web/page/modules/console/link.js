// Links that open a request in the console.
import { format } from "../shell/router.js";

/** Texts longer than this make no link: browsers and chats cut long addresses. */
const k_max_characters = 60000;

export function toBase64Url(text) {
  const bytes = new TextEncoder().encode(text);
  let binary = "";
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The text of a link's `request`, or undefined if it is none. */
export function fromBase64Url(encoded) {
  try {
    const binary = atob(encoded.replaceAll("-", "+").replaceAll("_", "/"));
    return new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(binary, (one) => one.charCodeAt(0)));
  } catch {
    return undefined;
  }
}

/** The hash that opens `requestText` ("GET clip-images/_search\n{...}") in the console; undefined if it is too long for a link. */
export function consoleLink(requestText) {
  return requestText.length > k_max_characters ? undefined : format("console", { request: toBase64Url(requestText) });
}
