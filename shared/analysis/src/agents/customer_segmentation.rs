//! `customer-segmentation-agent` of the analytics tools: sorts customers into segments by quantiles of what they bought,
//! how often and how recently.
//!
//! Rows and customers are in [`customers`], scores and segments in [`segments`], texts in [`findings`].

mod customers;
mod findings;
mod segments;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::analytics::{self, Grades};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::stats::{percentage, round};
use customers::{Customer, Rows, Window};
use segments::{Mode, Segment, Segmentation, Weights};

/// The agent.
#[derive(Debug)]
pub(super) struct CustomerSegmentation;

const ID: &str = "customer-segmentation-agent";

/// Customers that are listed.
const SAMPLE: usize = 500;

const COLUMNS: [&str; 3] = ["customer_id_column", "transaction_date_column", "value_column"];

impl Agent for CustomerSegmentation {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Customer Segmentation Agent"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        match error {
            AgentError::MissingFile { .. } => Signature::Nothing,
            _ => Signature::IdAndName,
        }
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        analytics::check_name(input, "primary")?;
        let mut parameters = input.parameters()?;
        let settings = Settings::new(&mut parameters)?;
        let table = analytics::read(input, "primary")?;
        let [id, date, value] = &settings.columns;
        let [id_key, date_key, value_key] = COLUMNS;
        let columns = analytics::columns(&table, [(id_key, id), (date_key, date), (value_key, value)])?;
        let rows = Rows::read(columns)?;
        let window = rows.window(settings.timeframe)?;
        let customers = rows.customers(window);
        if customers.is_empty() {
            let reason = format!("no valid row lies between {} and {}", window.start, window.end);
            return Err(AgentError::Computation { step: "applying the time frame", reason });
        }
        let segmentation = Segmentation::of(
            customers,
            settings.mode,
            settings.segment_count,
            settings.bins,
            settings.weights,
        );
        // The number that was reduced is in force, and so are weights that stand in for useless ones.
        parameters.note("segment_count", json!(5), json!(segmentation.segment_count));
        for (key, default, weight) in settings.weights.in_force(settings.mode).keyed() {
            parameters.note(key, json!(default), json!(weight));
        }
        let report = Report::new(&rows, window, &segmentation, &settings);
        let findings = findings::collect(&report);
        let summary_metrics = extra([
            ("total_rows_processed", json!(report.kept)),
            ("total_customers", json!(segmentation.customers.len())),
            ("segments_produced", json!(segmentation.segment_count)),
            ("invalid_rows", json!(rows.invalid)),
        ]);
        let mut data = extra([
            ("segmentation", report.segmentation_json()),
            ("quality", report.quality_json()),
            ("segment_summary", report.segments.iter().map(|segment| segment.to_json(&report)).collect()),
            ("customer_segments_sample", report.sample_json()),
        ]);
        parameters.write_echoes(&mut data);
        Ok(Answer::success(summary_metrics, data, findings))
    }
}

/// Which rows count.
#[derive(Debug, Clone, Copy)]
enum Timeframe {
    YearToDate,
    LastTwelveMonths,
    Between(NaiveDate, NaiveDate),
}

impl Timeframe {
    fn as_str(self) -> &'static str {
        match self {
            Self::YearToDate => "ytd",
            Self::LastTwelveMonths => "last_12_months",
            Self::Between(..) => "custom",
        }
    }
}

struct Settings {
    mode: Mode,
    timeframe: Timeframe,
    metric: String,
    segment_count: usize,
    columns: [String; 3],
    weights: Weights,
    bins: usize,
    grades: Grades,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        // Noted first, so that the echoes have the order of the specification; used once the columns are known.
        let mode = parameters.word("mode", "rfm", &["value", "rfm"]);
        let timeframe = parameters.word("timeframe", "last_12_months", &["ytd", "last_12_months", "custom"]);
        let (start, end) = (parameters.day("custom_start_date"), parameters.day("custom_end_date"));
        let metric = parameters.word("metric", "revenue", &[]);
        let segment_count = parameters.bounded_integer("segment_count", 5, 2..=10);
        let columns = parameters.needed_columns(COLUMNS)?;
        let mut weight = |key: &str, default| parameters.bounded_integer(key, default, i64::MIN..=i64::MAX);
        let weights = Weights {
            recency: weight("rfm_recency_weight", 33),
            frequency: weight("rfm_frequency_weight", 33),
            monetary: weight("rfm_monetary_weight", 34),
        };
        let bins = parameters.bounded_integer("rfm_bins", 5, 2..=10);
        let grades = Grades::new(parameters, [90, 75], i64::MIN..=i64::MAX);
        let timeframe = match timeframe?.as_str() {
            "ytd" => Timeframe::YearToDate,
            "custom" => between(start, end)?,
            _ => Timeframe::LastTwelveMonths,
        };
        Ok(Self {
            mode: if mode? == "value" { Mode::Value } else { Mode::Rfm },
            timeframe,
            metric: metric?,
            segment_count: usize::try_from(segment_count).unwrap_or(5),
            columns,
            weights,
            bins: usize::try_from(bins).unwrap_or(5),
            grades,
        })
    }
}

fn between(start: Option<NaiveDate>, end: Option<NaiveDate>) -> Result<Timeframe, AgentError> {
    let refused = |reason: String| AgentError::Parameter {
        key: "custom_start_date`, `custom_end_date".to_owned(),
        reason,
    };
    let (Some(start), Some(end)) = (start, end) else {
        return Err(refused("the time frame `custom` needs two dates such as 2024-01-31".to_owned()));
    };
    if start > end {
        return Err(refused(format!("the time frame starts on {start}, after its end on {end}")));
    }
    Ok(Timeframe::Between(start, end))
}

/// Everything that the answer speaks of.
struct Report<'a> {
    rows: &'a Rows<'a>,
    window: Window,
    segmentation: &'a Segmentation,
    settings: &'a Settings,
    /// Segments that are not empty, best first.
    segments: Vec<Segment<'a>>,
    /// Rows in the time frame.
    kept: usize,
    /// Sum over all customers.
    total: f64,
    /// In percent, not rounded.
    invalid_rate: f64,
    retained_rate: f64,
    score: f64,
    grade: &'static str,
}

impl<'a> Report<'a> {
    fn new(
        rows: &'a Rows<'a>,
        window: Window,
        segmentation: &'a Segmentation,
        settings: &'a Settings,
    ) -> Self {
        let kept = segmentation.customers.iter().map(|customer| customer.frequency).sum();
        let invalid_rate = percentage(rows.invalid, rows.count);
        let score = 100.0 - invalid_rate;
        Self {
            rows,
            window,
            segmentation,
            settings,
            segments: segmentation.segments(),
            kept,
            total: segmentation.customers.iter().map(|customer| customer.monetary).sum(),
            invalid_rate,
            retained_rate: percentage(kept, rows.count - rows.invalid),
            score,
            grade: settings.grades.of(score),
        }
    }

    fn segmentation_json(&self) -> Value {
        let [id, date, value] = self.rows.columns.map(crate::table::Column::name);
        let scoring = match self.settings.mode {
            Mode::Value => {
                json!({"value_metric": "monetary", "segment_count": self.segmentation.segment_count})
            }
            Mode::Rfm => {
                let weights = self.settings.weights.in_force(Mode::Rfm);
                json!({
                    "rfm_bins": self.settings.bins,
                    "weights": {
                        "recency": weights.recency,
                        "frequency": weights.frequency,
                        "monetary": weights.monetary,
                        "sum": weights.positive_sum() as f64,
                    },
                    "segment_count": self.segmentation.segment_count,
                })
            }
        };
        json!({
            "mode": self.settings.mode.as_str(),
            "timeframe": self.settings.timeframe.as_str(),
            "analysis_window": {
                "start_date": self.window.start.to_string(),
                "end_date": self.window.end.to_string(),
            },
            "columns_used": {
                "customer_id_column": id,
                "transaction_date_column": date,
                "value_column": value,
            },
            "metric": self.settings.metric,
            "scoring": scoring,
        })
    }

    fn quality_json(&self) -> Value {
        json!({
            "input_quality_score": round(self.score, 1),
            "quality_status": self.grade,
            "invalid_rows": self.rows.invalid,
            "invalid_rate_pct": round(self.invalid_rate, 2),
            "valid_rows": self.rows.count - self.rows.invalid,
            "rows_after_timeframe": self.kept,
            "timeframe_retained_rate_pct": round(self.retained_rate, 2),
        })
    }

    fn sample_json(&self) -> Value {
        let mut ranked: Vec<(usize, &Customer)> =
            self.segmentation.ids.iter().copied().zip(&self.segmentation.customers).collect();
        // Customers come in the order of their ids, which decides among equals.
        ranked.sort_by(|(left_id, left), (right_id, right)| {
            left_id.cmp(right_id).then(right.monetary.total_cmp(&left.monetary))
        });
        let customers = ranked.into_iter().take(SAMPLE).map(|(segment_id, customer)| {
            json!({
                "customer_id": customer.id,
                "segment_id": segment_id,
                "segment_label": segments::label(segment_id, self.segmentation.segment_count, self.settings.mode),
                "frequency": customer.frequency,
                "monetary": customer.monetary,
                "recency_days": customer.recency_days,
                "avg_order_value": customer.monetary / customer.frequency as f64,
                "last_purchase_date": customer.last.to_string(),
            })
        });
        customers.collect()
    }
}

#[cfg(test)]
mod tests;
