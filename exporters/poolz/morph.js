// Makes an element equal to one that the server rendered later. Nodes in both stay, and so do the focus, the selection,
// and open details. Elements are matched by their id or data-key, else by their position.
export function morph(from, to) {
  copyAttributes(from, to);
  if (from.hasAttribute('data-keep')) {
    return; // a script has drawn the content
  }
  const wanted = new Set([...to.children].map(keyOf));
  const keyed = new Map();
  for (const child of [...from.children]) {
    if (!keyOf(child)) {
      continue;
    }
    if (wanted.has(keyOf(child))) {
      keyed.set(keyOf(child), child);
    } else {
      child.remove(); // first, so that the following nodes match
    }
  }
  let at = from.firstChild;
  for (const want of [...to.childNodes]) {
    const have = keyOf(want) ? keyed.get(keyOf(want)) : alike(at, want);
    keyed.delete(keyOf(want));
    if (!have) {
      from.insertBefore(want, at);
      continue;
    }
    if (have === at) {
      at = at.nextSibling;
    } else {
      from.insertBefore(have, at);
    }
    if (have.nodeType === Node.ELEMENT_NODE) {
      morph(have, want);
    } else if (have.data !== want.data) {
      have.data = want.data;
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.id || node.getAttribute('data-key') : null;
}

// alike returns a node if it can become the wanted one.
function alike(node, want) {
  return node && node.nodeType === want.nodeType && node.nodeName === want.nodeName && !keyOf(node) ? node : null;
}

function copyAttributes(from, to) {
  for (const { name, value } of [...to.attributes]) {
    if (from.getAttribute(name) !== value) {
      from.setAttribute(name, value);
    }
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && !(name === 'open' && from.nodeName === 'DETAILS')) {
      from.removeAttribute(name);
    }
  }
}
