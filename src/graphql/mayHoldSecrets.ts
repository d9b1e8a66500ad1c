/** Names have one spelling in GraphQL, so that a look at the text finds them wherever they stand, in a broken document too. */
const SECRET_PLACES = /authenticateBroker|credentials|renewLogin/i;

/** True of a document in which a client may have written credentials: its text is not kept, and no part of it is told. */
export function mayHoldSecrets(text: string): boolean {
  return SECRET_PLACES.test(text);
}
