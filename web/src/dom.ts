type Child = Node | string;

/** Makes an element. Text goes in as text nodes: nothing from the server is ever read as markup. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Sets a text only when it changes, so that screen readers and selections are left alone. */
export function setText(element: Element, value: string): void {
  if (element.textContent !== value) element.textContent = value;
}

/** Sets an attribute only when it changes; null removes it. */
export function setAttribute(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** Copies to the clipboard, also where the page is not a secure context (plain http on a local network). */
export async function copy(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    const area = h('textarea', { class: 'hidden-copy', readonly: '' });
    area.value = value;
    document.body.append(area);
    area.select();
    // Deprecated, and the only way there is over plain http.
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}
