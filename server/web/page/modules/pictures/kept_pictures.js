// Pictures of queries, kept in this browser under their digest, so that a reload or the back button finds them again.
// The newest are kept. Where the browser has no IndexedDB (private windows) they last as long as the page.

const k_database = "sightline";
const k_store = "query-pictures";
const k_most = 50; // a matrix of 30, and what was searched with
const k_at_hand = 4; // that need not be read again
const here = new Map(); // by digest, oldest first: {picture, stored: it is in the database, too}

/** Forgets the oldest ones: of those that the database holds all but k_at_hand, of the others all but k_most. */
function limitHere() {
  for (const [stored, most] of [[true, k_at_hand], [false, k_most]]) {
    const digests = [...here.keys()].filter((digest) => here.get(digest).stored === stored);
    for (const digest of digests.slice(0, -most)) here.delete(digest);
  }
}

function open() {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(k_database, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(k_store, { keyPath: "digest" }).createIndex("time", "time");
    opening.onsuccess = () => resolve(opening.result);
    opening.onerror = () => reject(opening.error);
  });
}

function finished(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onerror = transaction.onabort = () => reject(transaction.error);
  });
}

/** Keeps what takePicture gave. */
export async function keepPicture(picture) {
  const held = { picture, stored: false };
  here.delete(picture.digest);
  here.set(picture.digest, held);
  try {
    const database = await open();
    const transaction = database.transaction(k_store, "readwrite");
    const store = transaction.objectStore(k_store);
    store.put({ digest: picture.digest, name: picture.name, blob: picture.blob, time: Date.now() });
    const keys = store.index("time").getAllKeys();
    keys.onsuccess = () => keys.result.slice(0, -k_most).forEach((key) => store.delete(key));
    await finished(transaction);
    database.close();
    held.stored = true;
  } catch { /* it is in `here` */ }
  limitHere();
}

/** {name, blob} kept under a digest, perhaps with all else that takePicture gave, or undefined. */
export async function keptPicture(digest) {
  if (here.has(digest)) return here.get(digest).picture;
  try {
    const database = await open();
    const asked = database.transaction(k_store).objectStore(k_store).get(digest);
    const found = await new Promise((resolve, reject) => {
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    database.close();
    return found;
  } catch {
    return undefined;
  }
}
