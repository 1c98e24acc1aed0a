//! Alerts, issues and summary (section 6 of the specification): what the figures are worth telling. What to do about it
//! is in [`super::recommendations`].

use super::field::{Field, Numeric, SEVERE_PSI, SHIFTED_PSI};
use super::{Drift, ID, recommendations};
use crate::findings::{Alert, Findings, Issue, IssueSummary, RowIssue, Severity, SummaryItem, first_names};
use crate::text::{counted, fixed};

/// Fields that are searched for issues.
const ISSUE_FIELDS: usize = 100;
/// Missing and new columns that are listed as issues, each.
const ISSUE_COLUMNS: usize = 10;
/// Names that a finding lists.
pub(super) const NAMES: usize = 3;

/// Names of the fields that share a property which the texts speak about.
pub(super) struct Groups<'a> {
    pub(super) mean_shifted: Vec<&'a str>,
    pub(super) variance_shifted: Vec<&'a str>,
    pub(super) severe: Vec<&'a str>,
}

impl<'a> Groups<'a> {
    fn of(fields: &[Field<'a>]) -> Self {
        let numeric = |holds: fn(&Numeric<'a>) -> bool| -> Vec<&'a str> {
            fields.iter().filter(|field| field.numeric().is_some_and(holds)).map(|field| field.name).collect()
        };
        Self {
            mean_shifted: numeric(Numeric::mean_shifted),
            variance_shifted: numeric(Numeric::variance_shifted),
            severe: fields
                .iter()
                .filter(|field| field.severity == Severity::High)
                .map(|field| field.name)
                .collect(),
        }
    }
}

pub(super) fn collect(fields: &[Field<'_>], drift: &Drift<'_>, row_level_issues: Vec<RowIssue>) -> Findings {
    let groups = Groups::of(fields);
    let mut issues: Vec<Issue> =
        fields.iter().take(ISSUE_FIELDS).filter(|field| field.drifted).flat_map(field_issues).collect();
    issues.extend(column_issues(drift));
    Findings {
        alerts: alerts(drift, &groups),
        issues,
        recommendations: recommendations::collect(drift, &groups),
        executive_summary: executive_summary(drift),
        ai_analysis_text: summary_lines(drift),
        issue_summary: IssueSummary::of_what_occurs(&row_level_issues),
        row_level_issues,
    }
}

fn alerts(drift: &Drift<'_>, groups: &Groups<'_>) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let mut add = |id, severity, category, affected, message, advice: &str| {
        alerts.push(Alert::new(id, severity, category, affected, message, advice));
    };
    let (drifted, common) = (drift.drifted, drift.common);
    let share = fixed(drift.share(), 1);
    if drift.is_unstable() {
        add(
            "alert_drift_001_overall",
            Severity::High,
            "drift",
            drifted,
            format!("{drifted} of {common} common columns have drifted from the baseline ({share} %)."),
            "Find out what has changed between the two files before models or reports use the current one.",
        );
    }
    if drift.high > 0 {
        add(
            "alert_drift_high_severity",
            Severity::Critical,
            "drift_high_severity",
            drift.high,
            format!(
                "{} drifted severely: the PSI is above {SEVERE_PSI}.",
                counted(drift.high, "column has", "columns have")
            ),
            "Check these columns at their source first, and retrain the models that use them.",
        );
    }
    if drift.average_psi > SEVERE_PSI {
        add(
            "alert_drift_psi_critical",
            Severity::Critical,
            "drift_psi",
            drifted,
            format!(
                "The mean PSI over all compared columns is {}, above {SEVERE_PSI}.",
                fixed(drift.average_psi, 4)
            ),
            "Treat the current file as data of another population until the reason is known.",
        );
    }
    if drift.medium > 0 {
        add(
            "alert_drift_medium_severity",
            Severity::High,
            "drift_medium_severity",
            drift.medium,
            format!(
                "{} drifted noticeably: the PSI is above {SHIFTED_PSI}, up to {SEVERE_PSI}.",
                counted(drift.medium, "column has", "columns have")
            ),
            "Watch these columns in the next deliveries, and plan to retrain what depends on them.",
        );
    }
    let (missing, new) = (&drift.columns.missing, &drift.columns.new);
    if !missing.is_empty() {
        add(
            "alert_drift_missing_columns",
            Severity::Critical,
            "schema_mismatch",
            missing.len(),
            format!(
                "The current file lacks {} of the baseline: {}.",
                counted(missing.len(), "column", "columns"),
                named(missing)
            ),
            "Have the columns delivered again, or take them out of everything that reads them.",
        );
    }
    if !new.is_empty() {
        add(
            "alert_drift_new_columns",
            Severity::Medium,
            "schema_change",
            new.len(),
            format!(
                "The current file has {} that the baseline lacks: {}.",
                counted(new.len(), "column", "columns"),
                named(new)
            ),
            "Check what the new columns mean, and take a new baseline if they are to stay.",
        );
    }
    if !groups.mean_shifted.is_empty() {
        let size = groups.mean_shifted.len();
        add(
            "alert_drift_mean_shift",
            Severity::High,
            "distribution_shift",
            size,
            format!(
                "The mean of {} moved by more than 25 %.",
                counted(size, "numeric column", "numeric columns")
            ),
            "Look for a change of unit, price, season or customers behind the shift.",
        );
    }
    if !groups.variance_shifted.is_empty() {
        let size = groups.variance_shifted.len();
        add(
            "alert_drift_variance_shift",
            Severity::High,
            "distribution_spread",
            size,
            format!(
                "The standard deviation of {} changed by more than 50 %.",
                counted(size, "numeric column", "numeric columns")
            ),
            "Look for new outliers, mixed sources or values that were cut off.",
        );
    }
    if drift.is_systematic() {
        add(
            "alert_drift_systematic",
            Severity::High,
            "systematic_drift",
            drifted,
            format!("{share} % of the common columns have drifted, which points to the source as a whole."),
            "Check the extraction and the pipeline in front of this file before its single columns.",
        );
    }
    if drifted == 0 && common > 0 {
        add(
            "alert_drift_stable",
            Severity::Low,
            "quality_validation",
            0,
            format!("None of the {} has drifted.", counted(common, "common column", "common columns")),
            "Keep the baseline, and compare the next delivery with it, too.",
        );
    }
    alerts
}

fn named(names: &[&str]) -> String {
    let more = if names.len() > NAMES { ", ..." } else { "" };
    format!("{}{more}", first_names(names, NAMES, ""))
}

fn issue(
    id: String,
    field_name: &str,
    issue_type: &'static str,
    severity: Severity,
    message: String,
) -> Issue {
    Issue {
        issue_id: id,
        agent_id: ID.into(),
        field_name: field_name.to_owned(),
        issue_type: issue_type.into(),
        severity,
        message,
        extra: serde_json::Map::new(),
    }
}

/// Issues of a drifted field.
fn field_issues(field: &Field<'_>) -> Vec<Issue> {
    let name = field.name;
    let mut issues = vec![issue(
        format!("issue_drift_{name}_detected"),
        name,
        "distribution_drift",
        field.severity.clone(),
        format!("The distribution of \"{name}\" has drifted; its PSI is {}.", fixed(field.psi, 4)),
    )];
    let Some(numeric) = field.numeric() else { return issues };
    if let Some(share) = share_of(numeric.change_in_mean, numeric.baseline.mean).filter(|share| *share > 10.0)
    {
        issues.push(issue(
            format!("issue_drift_mean_{name}"),
            name,
            "mean_shift",
            match share {
                share if share > 50.0 => Severity::Critical,
                share if share > 25.0 => Severity::High,
                _ => Severity::Medium,
            },
            format!(
                "The mean of \"{name}\" changed by {}, that is {} % of the baseline's.",
                fixed(numeric.change_in_mean, 4),
                fixed(share, 1)
            ),
        ));
    }
    if let Some(share) =
        share_of(numeric.change_in_variance, numeric.baseline.std).filter(|share| *share > 20.0)
    {
        issues.push(issue(
            format!("issue_drift_variance_{name}"),
            name,
            "variance_shift",
            if share > 50.0 { Severity::High } else { Severity::Medium },
            format!(
                "The standard deviation of \"{name}\" changed by {}, that is {} % of the baseline's.",
                fixed(numeric.change_in_variance, 4),
                fixed(share, 1)
            ),
        ));
    }
    if numeric.p_value < 0.001 {
        issues.push(issue(
            format!("issue_drift_statistical_{name}"),
            name,
            "distribution_drift",
            Severity::Critical,
            format!(
                "Values of \"{name}\" as different as these have a probability of {} (p) if nothing changed.",
                fixed(numeric.p_value, 6)
            ),
        ));
    }
    if numeric.wasserstein_distance > 1.0 {
        issues.push(issue(
            format!("issue_drift_wasserstein_{name}"),
            name,
            "distribution_drift",
            Severity::High,
            format!(
                "The values of \"{name}\" lie {} away from the baseline's on average (Wasserstein distance).",
                fixed(numeric.wasserstein_distance, 4)
            ),
        ));
    }
    issues
}

/// A change in percent of what it is a change of; `None` if there is no change or nothing to compare it with.
fn share_of(change: f64, figure: f64) -> Option<f64> {
    (change > 0.0 && figure != 0.0).then(|| 100.0 * change / figure.abs())
}

/// Issues about columns that only one file has.
fn column_issues(drift: &Drift<'_>) -> impl Iterator<Item = Issue> {
    let missing = drift.columns.missing.iter().take(ISSUE_COLUMNS).map(|name| {
        let message = format!("Column \"{name}\" of the baseline is missing in the current file.");
        issue(format!("issue_drift_missing_{name}"), name, "missing_column", Severity::Critical, message)
    });
    // Severity `warning` although the usual scale has none (Q10).
    let new = drift.columns.new.iter().take(ISSUE_COLUMNS).map(|name| {
        let message = format!("Column \"{name}\" of the current file is not in the baseline.");
        issue(format!("issue_drift_new_{name}"), name, "new_column", Severity::Warning, message)
    });
    missing.chain(new)
}

fn executive_summary(drift: &Drift<'_>) -> Vec<SummaryItem> {
    if drift.drifted == 0 {
        return Vec::new();
    }
    vec![SummaryItem::new(
        "exec_drift",
        "Drifted Columns",
        format!("{}/{}", drift.drifted, drift.common),
        if drift.high > 0 { "critical" } else { "warning" },
        format!(
            "{} drifted from the baseline; the stability of the data is \"{}\".",
            counted(drift.drifted, "column has", "columns have"),
            drift.stability()
        ),
    )]
}

fn summary_lines(drift: &Drift<'_>) -> String {
    let common = drift.common;
    if drift.drifted == 0 {
        return format!(
            "Data drift: none of the {} has drifted, the data is stable",
            counted(common, "common column", "common columns")
        );
    }
    let mut lines = vec![
        format!(
            "Data drift: {} of {common} common columns have drifted ({} %)",
            drift.drifted,
            fixed(drift.share(), 1)
        ),
        format!("- Mean PSI: {}", fixed(drift.average_psi, 4)),
        format!("- Stability: {}", drift.stability()),
    ];
    if drift.high > 0 {
        lines.push(format!("- Severely drifted columns: {}", drift.high));
    }
    if drift.medium > 0 {
        lines.push(format!("- Noticeably drifted columns: {}", drift.medium));
    }
    lines.push("- Models that use these columns should be retrained".to_owned());
    lines.join("\n")
}
