/** What may be said of a URL where many read it: without user, password, query and fragment, which may hold secrets. */
export function publicAddress(url: string): string {
  const { protocol, host, pathname } = new URL(url)
  return `${protocol}//${host}${pathname}`
}
