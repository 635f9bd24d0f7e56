// A chart's points as a table to take along.

const HEAD = "run_id,run,metric,step,timestamp_ms,value";

/**
 * CSV with one row a point, values to their last digit.
 * @param {Series[]} all
 * @param {Map<string, string>} names of runs by their ids
 */
export function csvOf(all, names) {
  const rows = [HEAD];
  for (const { run_id, key, steps, timestamps, values } of all) {
    const begin = [run_id, names.get(run_id) ?? "", key].map(cell).join(",");
    steps.forEach((step, at) => rows.push(`${begin},${step},${timestamps[at]},${values[at]}`));
  }
  return `${rows.join("\r\n")}\r\n`;
}

/** A spreadsheet would compute what begins as a formula does. @param {string} text */
function cell(text) {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
