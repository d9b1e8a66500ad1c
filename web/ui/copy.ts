import { announce } from './announce.tsx';

/** Puts a text on the clipboard, and says so. */
export async function copy(text: string, what: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    announce(`${what} copied`);
  } catch {
    // A page over plain HTTP from another machine has no clipboard but this one.
    announce(copyByHand(text) ? `${what} copied` : 'The browser does not allow copying here.');
  }
}

function copyByHand(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'unseen';
  document.body.append(area);
  area.select();
  // oxlint-disable-next-line typescript/no-deprecated -- There is nothing else for pages without a secure context.
  const isCopied = document.execCommand('copy');
  area.remove();
  return isCopied;
}
