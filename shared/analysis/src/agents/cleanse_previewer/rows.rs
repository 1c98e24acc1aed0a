//! Row-level issues of rules with high impact or risk (section 6 of the specification). Rows are counted off from the
//! first one, as the reference does; they are not the rows that would go.

use serde_json::{Value, json};

use super::Summary;
use super::impact::{Impact, Preview};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra};
use crate::stats::round;
use crate::text::fixed;

/// All of them, which may be more than are listed.
pub(super) fn collect(summary: &Summary<'_>) -> Vec<RowIssue> {
    let mut issues = Vec::new();
    for preview in summary.previews {
        let Ok(impact) = &preview.outcome else { continue };
        if preview.is_high() || impact.is_risky() {
            of_rule(preview, impact, summary, &mut issues);
            if issues.len() >= ROW_ISSUE_CAP {
                break;
            }
        }
    }
    issues
}

fn of_rule(preview: &Preview, impact: &Impact, summary: &Summary<'_>, issues: &mut Vec<RowIssue>) {
    let of_rule = |key: &str, value: Value| {
        extra([("value", Value::Null), ("rule_id", preview.rule.id.clone()), (key, value)])
    };
    let id = preview.rule.id_text();
    if impact.row_change < 0 {
        let share = round(impact.row_share, 2);
        let severity = if share.abs() > 20.0 { Severity::Critical } else { Severity::Warning };
        let gone = usize::try_from(impact.row_change.unsigned_abs()).unwrap_or(usize::MAX);
        for row in 0..gone.min((summary.original.table.height() / 100).max(1)) {
            let message = format!("Rule {id} would take away {} % of the rows.", fixed(share.abs(), 2));
            let extra = of_rule("impact_percentage", json!(share));
            issues.push(RowIssue::new(row, "global", "unsafe_operation", severity.clone(), message, extra));
        }
    }
    for (before, change) in summary.original.columns.iter().zip(&impact.columns) {
        if issues.len() >= ROW_ISSUE_CAP {
            break;
        }
        let share =
            change.as_ref().and_then(|change| change.numeric.as_ref()).map(|numeric| numeric.mean_share);
        if let Some(share) = share.filter(|share| share.abs() > 30.0) {
            let name = before.column.name();
            let message = format!("Rule {id} would change the mean of {name} by {} %.", fixed(share, 2));
            let extra = of_rule("change_percentage", json!(share));
            issues.push(RowIssue::new(0, name, "high_impact_change", Severity::Warning, message, extra));
        }
    }
    if impact.is_risky() {
        for factor in impact.risk_factors.iter().take(3) {
            let message = format!("Rule {id} is risky: {factor}");
            let extra = extra([("value", Value::Null), ("rule_id", preview.rule.id.clone())]);
            issues.push(RowIssue::new(0, "global", "preview_issue", Severity::Critical, message, extra));
        }
    }
}
