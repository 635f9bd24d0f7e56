// The chart library: fetched when there is a chart, and once.

/** @type {Promise<any> | null} */
let loading = null;

/** Where the document says that the library is. */
function named() {
  const address = document.querySelector('meta[name="trialbook-chart"]')?.getAttribute("content") ?? "";
  return new URL(address, document.baseURI).href;
}

/**
 * Where Trusted Types are required a script's address has to be vouched for: this one is, and no
 * other. There can be one policy of a name.
 */
const policy = window.trustedTypes?.createPolicy("trialbook", {
  createScriptURL: (address) => {
    if (address !== named()) {
      throw new TypeError("no script of this page");
    }
    return address;
  },
});

/** The library's constructor. @returns {Promise<any>} rejects when it cannot be fetched; asking again tries again */
export function chartLibrary() {
  loading ??= load().catch((error) => {
    loading = null;
    throw error;
  });
  return loading;
}

/** @returns {Promise<any>} */
function load() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.addEventListener("load", () => resolve(window.uPlot));
    script.addEventListener("error", () =>
      reject(new Error("the charts of this version cannot be loaded; load the page again")),
    );
    script.src = policy?.createScriptURL(named()) ?? named();
    document.head.append(script);
  });
}
