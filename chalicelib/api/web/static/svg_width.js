// As wide as there is room for.
import { useLayoutEffect, useRef, useState } from "preact";

const LEAST = 220;

/**
 * The width of an element, measured again when it changes: pictures are drawn at their true size,
 * so that text in them stays as large as other text.
 * @param {number} [first] until it is measured
 * @returns {{ box: { current: HTMLElement | null }, width: number }}
 */
export function useWidth(first = 640) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [width, setWidth] = useState(first);
  useLayoutEffect(() => {
    const node = box.current;
    if (node === null) {
      return undefined;
    }
    const measure = () => setWidth(Math.max(LEAST, Math.floor(node.clientWidth)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    return () => observer.disconnect();
  }, []);
  return { box, width };
}
