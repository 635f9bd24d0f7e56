// The drawn part of a chart. What it says is also in the table below it.
import { html, useEffect, useRef, useState } from "preact";
import { chartLibrary } from "./chart.js";
import { followCursor, pointAt } from "./chart_cursor.js";
import { drawLines, rowOf } from "./chart_draw.js";
import { nearest } from "./chart_points.js";
import { span, spanLabels, tickLabels, ticks, timeLabels } from "./chart_scale.js";
import { colorOf } from "./chart_theme.js";
import { Failure } from "./ui.js";

/**
 * @typedef {object} PlotProps
 * @property {import("./chart_draw.js").Line[]} lines
 * @property {[number, number]} x
 * @property {[number, number]} y
 * @property {import("./chart_points.js").Axis} axis
 * @property {boolean} isLog
 * @property {import("./chart_theme.js").Palette} palette
 * @property {string} label
 * @property {(range: [number, number] | null) => void} onZoom
 * @property {number} height in pixels
 */

/** @param {PlotProps} props */
export function Plot(props) {
  const { axis, isLog, height, label } = props;
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const chart = useRef(/** @type {any} */ (null));
  const newest = useRef(props);
  newest.current = props;
  const [error, setError] = useState(/** @type {Error | null} */ (null));
  useEffect(() => {
    const element = box.current;
    let isGone = false;
    const resized = new ResizeObserver(() => fit(chart.current, element, newest.current.height));
    chartLibrary().then((uPlot) => {
      if (isGone || element === null) {
        return;
      }
      // the library knows the corners alone: lines have points of their own
      chart.current = new uPlot(options(newest, element), [newest.current.x, newest.current.y], element);
      resized.observe(element);
    }, setError);
    const unfollow = followCursor((at, source) => follow(chart.current, newest.current, at, source));
    return () => {
      isGone = true;
      unfollow();
      resized.disconnect();
      chart.current?.destroy();
      chart.current = null;
    };
  }, [axis, isLog]);
  useEffect(() => {
    fit(chart.current, box.current, height);
    show(chart.current, props);
  });
  if (error !== null) {
    return html`<${Failure} error=${error} />`;
  }
  return html`<div
    ref=${box}
    class="chart-plot"
    tabindex="0"
    role="slider"
    aria-label=${label}
    aria-valuemin=${props.x[0]}
    aria-valuemax=${props.x[1]}
    aria-valuenow=${props.x[0]}
    aria-valuetext="No point chosen. Arrows choose one, plus and minus zoom, Escape shows all."
    style=${{ height: `${height}px` }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => pressed(event, chart.current, newest.current)}
    onBlur=${() => pointAt(null, null)}
  ></div>`;
}

/** @param {any} chart @param {HTMLElement | null} element @param {number} height */
function fit(chart, element, height) {
  const width = element?.clientWidth ?? 0;
  if (chart !== null && width > 0 && (chart.width !== width || chart.height !== height)) {
    chart.setSize({ width, height });
  }
}

/** @param {any} chart @param {PlotProps} props */
function show(chart, props) {
  if (chart !== null) {
    chart.batch(() => {
      chart.setData([props.x, props.y], false);
      chart.setScale("x", { min: props.x[0], max: props.x[1] });
    });
  }
}

/** @param {{ current: PlotProps }} newest @param {HTMLElement} element */
function options(newest, element) {
  const { axis, isLog, height } = newest.current;
  const isTime = axis === "time";
  const shared = {
    stroke: () => newest.current.palette.faint,
    grid: { stroke: () => newest.current.palette.line, width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
    gap: 4,
  };
  const count = (/** @type {number} */ space, /** @type {number} */ size) => Math.max(2, Math.floor(size / space));
  const ratio = () => devicePixelRatio;
  return {
    width: element.clientWidth,
    height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: 5 },
      bind: { dblclick: () => () => newest.current.onZoom(null) },
    },
    scales: {
      x: { time: isTime, auto: false, range: () => newest.current.x },
      y: { distr: isLog ? 3 : 1, range: () => newest.current.y },
    },
    series: [{}, { points: { show: false }, paths: () => null }],
    axes: [
      {
        ...shared,
        size: isTime ? 42 : 26,
        ...(isTime && {
          space: 90,
          values: (/** @type {any} */ _, /** @type {number[]} */ values, /** @type {number} */ __, /** @type {number} */ ___, /** @type {number} */ step) =>
            timeLabels(values, step),
        }),
        ...(!isTime && {
          splits: (/** @type {any} */ chart, /** @type {number} */ _, /** @type {number} */ min, /** @type {number} */ max) =>
            ticks(min, max, count(axis === "relative" ? 110 : 80, chart.bbox.width / ratio()), { isWhole: axis === "step", isTime: axis === "relative" }),
          values: (/** @type {any} */ _, /** @type {number[]} */ values) =>
            axis === "relative" ? spanLabels(values) : tickLabels(values),
        }),
      },
      {
        ...shared,
        size: 56,
        splits: (/** @type {any} */ chart, /** @type {number} */ _, /** @type {number} */ min, /** @type {number} */ max) =>
          ticks(min, max, count(36, chart.bbox.height / ratio()), { isLog }),
        values: (/** @type {any} */ _, /** @type {number[]} */ values) => tickLabels(values),
        filter: (/** @type {any} */ _, /** @type {number[]} */ values) => values,
      },
    ],
    hooks: {
      draw: [(/** @type {any} */ chart) => drawLines(chart, newest.current.lines, newest.current.palette, isLog)],
      setCursor: [
        (/** @type {any} */ chart) => {
          const { left } = chart.cursor;
          pointAt(left >= 0 ? chart.posToVal(left, "x") : null, chart);
        },
      ],
      setSelect: [
        (/** @type {any} */ chart) => {
          const { left, width } = chart.select;
          if (width > 0) {
            const range = /** @type {[number, number]} */ ([chart.posToVal(left, "x"), chart.posToVal(left + width, "x")]);
            chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            newest.current.onZoom(range);
          }
        },
      ],
    },
  };
}

/**
 * Show the cursor where another chart has it, and a dot on each line.
 * @param {any} chart @param {PlotProps} props @param {number | null} at @param {unknown} source
 */
function follow(chart, props, at, source) {
  if (chart === null) {
    return;
  }
  const { over } = chart;
  const isInside = at !== null && at >= props.x[0] && at <= props.x[1];
  if (source !== chart) {
    chart.setCursor({ left: isInside ? chart.valToPos(at, "x") : -10, top: isInside ? 1 : -10 }, false);
  }
  const toY = rowOf(props.y[0], props.y[1], 0, over.clientHeight, props.isLog);
  const dots = /** @type {HTMLElement[]} */ ([...over.querySelectorAll(".chart-dot")]);
  props.lines.forEach((line, place) => {
    const dot = dots[place] ?? over.appendChild(document.createElement("i"));
    dot.className = "chart-dot";
    const found = isInside ? nearest(line.points.xs, at, slackOf(props.x)) : -1;
    const row = found < 0 ? NaN : toY((line.smooth ?? line.points.ys)[found] ?? NaN);
    const column = found < 0 ? NaN : chart.valToPos(line.points.xs[found], "x");
    dot.hidden = !(row >= 0 && row <= over.clientHeight && column >= 0 && column <= over.clientWidth);
    dot.style.transform = `translate(${column}px, ${row}px)`;
    dot.style.background = colorOf(props.palette, line.index);
  });
  dots.slice(props.lines.length).forEach((dot) => dot.remove());
}

/** How far from its end a line still answers: a hundredth of the chart. @param {[number, number]} x */
export function slackOf([from, to]) {
  return (to - from) / 100;
}

/** @param {KeyboardEvent} event @param {any} chart @param {PlotProps} props */
function pressed(event, chart, props) {
  if (chart === null || event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  const [from, to] = props.x;
  const width = to - from;
  const { left } = chart.cursor;
  const at = left >= 0 ? chart.posToVal(left, "x") : from;
  const by = width / (event.shiftKey ? 10 : 100);
  /** @type {Record<string, () => void>} */
  const moves = {
    ArrowLeft: () => move(Math.max(from, at - by)),
    ArrowRight: () => move(Math.min(to, left >= 0 ? at + by : from)),
    Home: () => move(from),
    End: () => move(to),
    "+": () => props.onZoom([at - width / 4, at + width / 4]),
    "-": () => props.onZoom([at - width, at + width]),
    Escape: () => props.onZoom(null),
  };
  const move = (/** @type {number} */ x) => {
    chart.setCursor({ left: chart.valToPos(x, "x"), top: 1 });
    chart.root.parentElement.setAttribute("aria-valuenow", String(x));
    chart.root.parentElement.setAttribute("aria-valuetext", spoken(props, x));
  };
  const done = moves[event.key];
  if (done !== undefined) {
    event.preventDefault();
    done();
  }
}

/** @param {PlotProps} props @param {number} x */
function spoken(props, x) {
  const values = props.lines.map((line) => {
    const found = nearest(line.points.xs, x, slackOf(props.x));
    return `${line.name} ${found < 0 ? "nothing" : line.points.ys[found]}`;
  });
  return `${props.axis === "step" ? `step ${Math.round(x)}` : props.axis === "relative" ? span(x) : new Date(x * 1000).toISOString()}: ${values.join(", ")}`;
}
