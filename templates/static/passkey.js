// Passkeys: the one thing on Mailward's pages that needs a script. The form carries what the browser is to be asked, and
// takes the answer as text. Written without the newer parse…FromJSON, which not every browser that has passkeys has.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const listed = (keys) => (keys || []).map((key) => ({ ...key, id: bytes(key.id) }));

  async function answer(asked) {
    const options = asked.publicKey;
    options.challenge = bytes(options.challenge);
    if (options.user) {
      options.user.id = bytes(options.user.id);
      options.excludeCredentials = listed(options.excludeCredentials);
      const made = await navigator.credentials.create({ publicKey: options });
      return {
        id: made.id, rawId: text(made.rawId), type: made.type, extensions: {},
        response: { attestationObject: text(made.response.attestationObject), clientDataJSON: text(made.response.clientDataJSON) },
      };
    }
    options.allowCredentials = listed(options.allowCredentials);
    const shown = await navigator.credentials.get({ publicKey: options });
    return {
      id: shown.id, rawId: text(shown.rawId), type: shown.type, extensions: {},
      response: {
        authenticatorData: text(shown.response.authenticatorData), clientDataJSON: text(shown.response.clientDataJSON),
        signature: text(shown.response.signature),
        userHandle: shown.response.userHandle && shown.response.userHandle.byteLength ? text(shown.response.userHandle) : null,
      },
    };
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const failed = form.querySelector("[data-passkey-failed]");
      const button = form.querySelector("button");
      failed.hidden = true;
      button.disabled = true;
      try {
        form.elements.code.value = JSON.stringify(await answer(JSON.parse(form.dataset.passkey)));
        form.submit();
      } catch {
        failed.hidden = false;
        button.disabled = false;
        button.focus();
      }
    });
  }
})();
