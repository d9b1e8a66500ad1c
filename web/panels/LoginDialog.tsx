import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { link, logIn, wasRefused } from '../data/gateway.ts';
import { formText } from '../ui/formText.ts';

/** Asks for a login where the gateway demands one. It is kept in memory, and gone with the page. */
export function LoginDialog(): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const form = useRef<HTMLFormElement>(null);
  const isNeeded = link.value === 'refused';
  useEffect(() => {
    if (isNeeded) dialog.current?.showModal();
    else {
      dialog.current?.close();
      if (link.value === 'open') form.current?.reset();
    }
  }, [link.value]);
  return (
    <dialog ref={dialog} class="login" aria-labelledby="login-title">
      <form
        ref={form}
        class="form"
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          const secret = formText(event.currentTarget, 'secret');
          logIn(formText(event.currentTarget, 'kind') === 'apiKey' ? { apiKey: secret } : { token: secret });
        }}
      >
        <h2 id="login-title">Log in to this gateway</h2>
        <p class="reason">The login is kept in memory only. A reload of the page asks for it again.</p>
        <fieldset>
          <legend>Log in with</legend>
          <label>
            <input type="radio" name="kind" value="token" defaultChecked /> a token (JWT)
          </label>
          <label>
            <input type="radio" name="kind" value="apiKey" /> an API key
          </label>
        </fieldset>
        <label>
          Token or key
          <input name="secret" type="password" autocomplete="off" required />
        </label>
        {wasRefused.value ? (
          <p class="problem" role="alert">
            The gateway does not accept this login, or it has ended.
          </p>
        ) : null}
        <button type="submit" class="primary">
          Log in
        </button>
      </form>
    </dialog>
  );
}
