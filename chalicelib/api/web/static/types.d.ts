// Shapes of the HTTP API that the page reads, as openapi.json has them, and the library's exports.

type NonFinite = "NaN" | "Infinity" | "-Infinity";
type Metric = number | NonFinite;
type Goal = "max" | "min";

interface Variant {
  key: string;
  name: string | null;
  payload: Record<string, any>;
  weight: number;
}

interface Experiment {
  id: string;
  slug: string;
  name: string;
  description: string | null;
  lifecycle_stage: "active" | "deleted";
  tags: Record<string, string>;
  metric_goals: Record<string, Goal>;
  status: "draft" | "active" | "paused" | "completed";
  variants: Variant[];
  unit_key: string | null;
  dimensions: string[];
  guardrails: Record<string, { margin: number; kind: "relative" | "absolute" }>;
  planned_units: number;
  started_at: string | null;
  weight_changes: { at: string; weights: Record<string, number> }[];
  created_at: string;
  last_updated: string;
  created_by: string;
  version: number;
  counts: { runs: number; artifacts: number; logs: number };
}

interface Experiments {
  experiments: Experiment[];
  total: number;
  next_cursor: string | null;
}

interface MetricSummary {
  last: Metric;
  step: number;
  timestamp: number;
  min: Metric;
  max: Metric;
  count: number;
}

interface Run {
  run_id: string;
  experiment_id: string;
  name: string;
  description: string | null;
  status: "scheduled" | "running" | "finished" | "failed" | "killed";
  lifecycle_stage: "active" | "deleted";
  start_time: string;
  end_time: string | null;
  duration_ms: number | null;
  artifact_uri: string;
  parent_run_id: string | null;
  tags: Record<string, string>;
  params: Record<string, string>;
  metrics: Record<string, Metric>;
  metric_summary: Record<string, MetricSummary>;
  created_by: string;
}

interface Runs {
  runs: Run[];
  next_cursor: string | null;
}

interface Series {
  run_id: string;
  key: string;
  steps: number[];
  timestamps: number[];
  values: Metric[];
  total: number;
  lows: Metric[] | null;
  highs: Metric[] | null;
}

interface RunFile {
  path: string;
  is_dir?: boolean;
  size_bytes?: number | null;
  mime?: string | null;
  sha256?: string | null;
  created_at?: string;
  created_by?: string;
  content_url?: string;
}

interface Artifact {
  artifact_id: string;
  name: string | null;
  kind: string;
  sha256: string;
  bytes: number;
  mime: string;
  created_at: string;
  tags: string[];
  labels: Record<string, any>;
  metrics: Record<string, number | string | boolean | null>;
  pinned: boolean;
  uri: string;
  description: string | null;
  run_id: string | null;
  experiment_id: string | null;
  tool_name: string | null;
  tool_version: string | null;
  content_url: string;
  verified: boolean;
  is_dir: boolean;
  file_count: number | null;
}

declare module "preact" {
  type Ref<T> = { current: T };
  export function html(strings: TemplateStringsArray, ...values: any[]): any;
  export function h(type: any, props: any, ...children: any[]): any;
  export function render(what: any, where: Element): void;
  export function useState<T>(initial: T | (() => T)): [T, (next: T | ((old: T) => T)) => void];
  export function useReducer<S, A>(reduce: (s: S, a: A) => S, initial: S): [S, (a: A) => void];
  export function useEffect(effect: () => void | (() => void), deps?: unknown[]): void;
  export function useLayoutEffect(effect: () => void | (() => void), deps?: unknown[]): void;
  export function useMemo<T>(make: () => T, deps: unknown[]): T;
  export function useCallback<T extends Function>(callback: T, deps: unknown[]): T;
  export function useRef<T>(initial: T): Ref<T>;
  export function useErrorBoundary(): [any, () => void];
  export function createContext<T>(initial: T): any;
  export function useContext<T>(context: any): T;
}

interface Window {
  uPlot: any;
  trustedTypes?: {
    createPolicy(
      name: string,
      rules: { createScriptURL: (text: string) => string },
    ): { createScriptURL: (text: string) => string };
  };
}

interface IntervalResult {
  low: number | null;
  high: number | null;
}

interface AlwaysValidResult extends IntervalResult {
  p_value: number | null;
  adjusted_p_value: number | null;
}

interface FixedResult extends AlwaysValidResult {
  method: "welch";
  df: number | null;
}

interface GuardrailResult {
  margin: number;
  kind: "relative" | "absolute";
  verdict: "non-inferior" | "inferior" | "undecided";
  bound: number | null;
}

interface CupedResult {
  theta: number;
  variance_reduction: number;
  absolute: number | null;
  always_valid: AlwaysValidResult;
  fixed: FixedResult;
}

interface DifferenceResult {
  absolute: number | null;
  relative: number | null;
  always_valid: AlwaysValidResult;
  fixed: FixedResult;
  relative_interval: IntervalResult;
  chance_to_beat: number | null;
  expected_loss: number | null;
  guardrail: GuardrailResult | null;
  cuped: CupedResult | null;
}

type Quantile = "p50" | "p90" | "p99";

interface VariantResult {
  units: number;
  logs: number;
  mean: number | null;
  sd: number | null;
  min: number | null;
  max: number | null;
  quantiles: Record<Quantile, number | null>;
  quantile_intervals: Record<Quantile, IntervalResult>;
  difference: DifferenceResult | null;
  reason: string | null;
}

interface MetricResult {
  goal: Goal;
  goal_source: "experiment" | "name";
  role: "success" | "guardrail" | "other";
  variants: Record<string, VariantResult>;
}

interface ExposureResult {
  units: number;
  logs: number;
}

interface Results {
  experiment: string;
  status: Experiment["status"];
  from: number | null;
  to: number | null;
  days: number;
  baseline: string;
  confidence: number;
  planned_units: number;
  exposures: Record<string, ExposureResult>;
  srm: { p_value: number | null; bayes_factor: number | null; mismatch: boolean };
  metrics: Record<string, MetricResult>;
  dimension: {
    key: string;
    values: Record<string, { exposures: Record<string, ExposureResult>; metrics: Record<string, MetricResult> }>;
  } | null;
  warnings: { code: string; message: string }[];
}

interface VariantLog {
  logId: string;
  variantKey: string;
  unitId: string | null;
  timestamp: number;
  metrics: Record<string, Metric>;
  covariates: Record<string, number>;
  context: Record<string, any>;
  input: Record<string, any>;
  output: Record<string, any>;
  logged_at: string;
  logged_by: string;
}

interface ComparedRun {
  run_id: string;
  name: string;
  status: Run["status"];
  params: Record<string, string>;
  metrics: Record<string, Metric>;
}

interface MetricComparison {
  goal: Goal;
  goal_source: "request" | "experiment" | "name";
  best_run_id: string | null;
  best_value: Metric | null;
  all_values: Record<string, Metric>;
}

interface Compared {
  runs: ComparedRun[];
  comparison: {
    best_run: string | null;
    metric_comparison: Record<string, MetricComparison>;
    param_differences: Record<string, Record<string, string>>;
  };
}

interface ArtifactHit {
  artifact: Artifact;
  score: number | null;
  why: {
    words?: string[];
    lexical?: { rank: number; score: number };
    semantic?: { rank: number; score: number };
    metric?: string;
    value?: number;
  };
}

interface NamedValue {
  name: string;
  kind: "value" | "timeseries" | "image" | "audio" | "video" | "text" | "application";
  value: any;
  mime_type: string | null;
  content_url: string | null;
  x: { label: string; type: "number" | "time" } | null;
  y: { label: string } | null;
  points: { x: number; y: number }[] | null;
  entries: number;
  next_cursor: string | null;
  created_at: string;
  last_updated: string;
}

interface Artifact {
  graph_id: string | null;
  node_id: string | null;
  org_id: string | null;
  user_id: string | null;
  client_id: string | null;
  app_id: string | null;
  session_id: string | null;
}
