// Lists whose items are moved in the document under the hands of somebody at the keyboard.
import { useLayoutEffect } from "preact";

/**
 * What has the focus inside the box keeps it when it is moved; when it is gone, the box has it.
 * @param {{ current: HTMLElement | null }} box
 */
export function useKeptFocus(box) {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const isInside = box.current?.contains(focused) ?? false;
  useLayoutEffect(() => {
    if (isInside && document.activeElement !== focused) {
      (focused?.isConnected ? focused : box.current)?.focus({ preventScroll: true });
    }
  });
}
