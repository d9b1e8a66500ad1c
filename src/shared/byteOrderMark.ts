const BYTE_ORDER_MARK = '\u{FEFF}';

/** The text without the byte order mark that some programs write before UTF-8. JSON parsers refuse it (RFC 8259, 8.1). */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}
