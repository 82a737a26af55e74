// Small words for lists.

export const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
export const same = (a, b) => String(a) === String(b);
