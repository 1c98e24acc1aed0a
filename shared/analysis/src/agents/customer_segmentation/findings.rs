//! Row-level issues, alerts, issues, recommendations and summary (section 6 of the specification).

use serde_json::Value;

use super::segments::Mode;
use super::{ID, Report};
use crate::agents::analytics;
use crate::findings::{
    Alert, Findings, Issue, IssueSummary, ROW_ISSUE_CAP, Recommendation, RowIssue, Severity, SummaryItem,
    extra,
};
use crate::table::Column;
use crate::text::{counted, fixed};

/// Rows of each kind that are listed.
const PER_KIND: usize = 400;

/// Customers below which quantiles mean little.
const SMALL: usize = 50;

pub(super) fn collect(report: &Report<'_>) -> Findings {
    let mut row_level_issues = row_level_issues(report);
    let issue_summary = IssueSummary::of_what_occurs(&row_level_issues);
    row_level_issues.truncate(ROW_ISSUE_CAP);
    Findings {
        alerts: alerts(report),
        issues: issues(report),
        recommendations: recommendations(report),
        executive_summary: executive_summary(report),
        ai_analysis_text: lines(report),
        row_level_issues,
        issue_summary,
    }
}

fn row_level_issues(report: &Report<'_>) -> Vec<RowIssue> {
    let [id, date, value] = report.rows.columns;
    let missing = report.rows.ids.iter().enumerate();
    let missing = missing.filter(|(_, id)| id.is_none_or(str::is_empty)).map(|(row, _)| row);
    let undated = date.value_rows().filter(|row| report.rows.dates.get(*row).is_none_or(Option::is_none));
    let unvalued = value.value_rows().filter(|row| report.rows.values.get(*row).is_none_or(Option::is_none));
    let missing = missing.take(PER_KIND).map(|row| {
        of_cell(id, row, "missing_customer_id", Severity::Critical, "This row names no customer.".to_owned())
    });
    let undated = undated.take(PER_KIND).map(|row| {
        let message = format!("{} is no date that can be read.", quoted(date, row));
        of_cell(date, row, "invalid_date", Severity::High, message)
    });
    let unvalued = unvalued.take(PER_KIND).map(|row| {
        let message = format!("{} is no finite number.", quoted(value, row));
        of_cell(value, row, "invalid_numeric", Severity::High, message)
    });
    missing.chain(undated).chain(unvalued).collect()
}

fn quoted(column: &Column, row: usize) -> String {
    let text = column.cell(row).display();
    let start: String = text.chars().take(60).collect();
    if start.len() < text.len() { format!("`{start}...`") } else { format!("`{start}`") }
}

fn of_cell(column: &Column, row: usize, kind: &'static str, severity: Severity, message: String) -> RowIssue {
    let value: Value = analytics::shown(column.cell(row));
    RowIssue::new(row, column.name(), kind, severity, message, extra([("value", value)]))
}

fn alerts(report: &Report<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    if report.invalid_rate > 10.0 {
        alerts.push(Alert::new(
            "alert_segmentation_invalid_rows",
            if report.invalid_rate > 25.0 { Severity::Critical } else { Severity::High },
            "data_quality",
            3,
            format!("{} % of the rows lack an id, a date or a number.", fixed(report.invalid_rate, 1)),
            "Correct these rows: their customers are judged by less than they bought.",
        ));
    }
    let customers = report.segmentation.customers.len();
    if customers < SMALL {
        alerts.push(Alert::new(
            "alert_segmentation_small_population",
            Severity::Medium,
            "data_volume",
            0,
            format!("{} only: segments of so few tell little.", counted(customers, "customer", "customers")),
            "Take a longer time frame or fewer segments.",
        ));
    }
    alerts
}

fn issues(report: &Report<'_>) -> Vec<Issue> {
    let mut issues = Vec::new();
    let sum = report.settings.weights.in_force(report.settings.mode).plain_sum();
    if report.settings.mode == Mode::Rfm && sum != 100 {
        let id = "issue_segmentation_weights_sum".to_owned();
        let message = format!("The three weights add up to {sum}, not to 100.");
        issues.push(Issue::new(ID, id, "parameters", "invalid_parameter", Severity::Medium, message));
    }
    let severity = if report.grade == "needs_improvement" { Severity::High } else { Severity::Low };
    let message = format!("The input scores {} of 100 ({}).", fixed(report.score, 1), report.grade);
    let id = "issue_segmentation_quality".to_owned();
    issues.push(Issue::new(ID, id, "dataset", "segmentation_quality", severity, message));
    issues
}

fn recommendations(report: &Report<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    if report.retained_rate < 25.0 {
        let [_, date, _] = report.rows.columns;
        list.push(Recommendation::new(
            ID,
            "rec_segmentation_timeframe",
            date.name().to_owned(),
            Severity::High,
            "immediate",
            format!(
                "Check the time frame: only {} % of the valid rows lie in it.",
                fixed(report.retained_rate, 1)
            ),
        ));
    }
    let segments = counted(report.segments.len(), "segment", "segments");
    list.push(Recommendation::new(
        ID,
        "rec_segmentation_activation",
        "segments".to_owned(),
        Severity::Medium,
        "1-2 weeks",
        format!("Address the {segments} each in its own way, the best first."),
    ));
    list
}

/// Share of the best segment that has customers, in percent.
fn top_share(report: &Report<'_>) -> f64 {
    report.segments.first().map_or(0.0, |segment| segment.share(report.total))
}

fn executive_summary(report: &Report<'_>) -> Vec<SummaryItem> {
    let customers = report.segmentation.customers.len();
    let share = top_share(report);
    let best = report.segments.first().map_or_else(String::new, super::Segment::label);
    vec![
        SummaryItem::new(
            "exec_segmentation_customers",
            "Customers",
            customers.to_string(),
            if customers >= SMALL { "good" } else { "warning" },
            format!(
                "{} in {}.",
                counted(customers, "customer", "customers"),
                counted(report.segments.len(), "segment", "segments")
            ),
        ),
        SummaryItem::new(
            "exec_segmentation_top_share",
            "Share of the Best Segment",
            format!("{}%", fixed(share, 1)),
            match share {
                share if share >= 50.0 => "excellent",
                share if share >= 30.0 => "good",
                _ => "fair",
            },
            format!("{best} brings in {} % of the total value.", fixed(share, 1)),
        ),
        SummaryItem::new(
            "exec_segmentation_input_quality",
            "Input Quality",
            fixed(report.score, 1),
            if report.grade == "needs_improvement" { "warning" } else { report.grade },
            format!("{} of {} rows are valid.", report.rows.count - report.rows.invalid, report.rows.count),
        ),
    ]
}

fn lines(report: &Report<'_>) -> String {
    [
        "Customer Segmentation Agent:".to_owned(),
        format!("- mode {}, {} segments", report.settings.mode.as_str(), report.segmentation.segment_count),
        format!("- from {} to {}", report.window.start, report.window.end),
        format!("- customers: {}", report.segmentation.customers.len()),
        format!("- total value ({}): {}", report.settings.metric, fixed(report.total, 2)),
        format!(
            "- input quality {} of 100 ({}), {} % of the rows invalid",
            fixed(report.score, 1),
            report.grade,
            fixed(report.invalid_rate, 2)
        ),
        format!("- share of the best segment: {} %", fixed(top_share(report), 1)),
    ]
    .join("\n")
}
