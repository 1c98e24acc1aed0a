//! What speaks against the data (step 5 of the specification). Deductions are told; they do not change the score.

use serde_json::{Value, json};

use super::field::Field;
use crate::findings::Severity;
use crate::stats::{percentage, round};
use crate::text::{counted, fixed};

pub(super) const MISSING: &str = "missing_values";
pub(super) const FORMAT: &str = "format_inconsistency";
pub(super) const OUTLIERS: &str = "potential_outliers";
pub(super) const DUPLICATES: &str = "duplicate_rows";

/// One deduction.
pub(super) struct Deduction<'a> {
    pub(super) reason: &'static str,
    /// The column; none for the whole file.
    pub(super) field: Option<&'a str>,
    /// Rounded to 2 digits.
    pub(super) amount: f64,
    pub(super) severity: Severity,
    pub(super) remediation: String,
}

impl Deduction<'_> {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "deduction_reason": self.reason,
            "fields_affected": self.field.as_slice(),
            "deduction_amount": self.amount,
            "severity": self.severity,
            "remediation": self.remediation,
        })
    }
}

/// All deductions: by kind, within a kind in column order.
pub(super) fn collect<'a>(fields: &[Field<'a>], repeated_rows: usize, rows: usize) -> Vec<Deduction<'a>> {
    let missing = fields.iter().filter_map(missing);
    let formats = fields.iter().filter_map(format);
    let outliers = fields.iter().filter_map(outliers);
    missing.chain(formats).chain(outliers).chain(duplicates(repeated_rows, rows)).collect()
}

fn missing<'a>(field: &Field<'a>) -> Option<Deduction<'a>> {
    let share = field.null_share;
    (share > 10.0).then(|| Deduction {
        reason: MISSING,
        field: Some(field.name()),
        amount: round((share / 5.0).min(25.0), 2),
        severity: match share {
            share if share > 80.0 => Severity::Critical,
            share if share > 50.0 => Severity::High,
            share if share > 25.0 => Severity::Medium,
            _ => Severity::Low,
        },
        remediation: format!(
            "Column \"{}\" has no value in {} % of the rows: fill it, make its source deliver it, or drop it.",
            field.name(),
            fixed(share, 1)
        ),
    })
}

fn format<'a>(field: &Field<'a>) -> Option<Deduction<'a>> {
    let dates = field.dates.as_ref().filter(|dates| !dates.unparsed.is_empty())?;
    let share = dates.share;
    Some(Deduction {
        reason: FORMAT,
        field: Some(field.name()),
        amount: round((share / 10.0).min(12.0), 2),
        severity: severity(share, 25.0, 10.0),
        remediation: format!(
            "{} of column \"{}\" ({} %) cannot be read as dates of one format: write all of them as YYYY-MM-DD.",
            counted(dates.unparsed.len(), "value", "values"),
            field.name(),
            fixed(share, 1)
        ),
    })
}

fn outliers<'a>(field: &Field<'a>) -> Option<Deduction<'a>> {
    let outliers = field.outliers.as_ref().filter(|outliers| outliers.share > 5.0)?;
    Some(Deduction {
        reason: OUTLIERS,
        field: Some(field.name()),
        amount: round((outliers.share / 20.0).min(8.0), 2),
        severity: if outliers.share > 15.0 { Severity::Medium } else { Severity::Low },
        remediation: format!(
            "{} of column \"{}\" ({} %) are outside of {} to {}: correct what is wrong, keep what is right but rare.",
            counted(outliers.count, "value", "values"),
            field.name(),
            fixed(outliers.share, 1),
            fixed(outliers.fences.lower, 2),
            fixed(outliers.fences.upper, 2)
        ),
    })
}

fn duplicates<'a>(repeated_rows: usize, rows: usize) -> Option<Deduction<'a>> {
    let share = percentage(repeated_rows, rows);
    (repeated_rows > 0).then(|| Deduction {
        reason: DUPLICATES,
        field: None,
        amount: round((share / 10.0).min(15.0), 2),
        severity: severity(share, 10.0, 5.0),
        remediation: format!(
            "{} ({} %) equal to another row in all columns: keep one of each.",
            counted(repeated_rows, "row is", "rows are"),
            fixed(share, 1)
        ),
    })
}

/// `High` above the first bound, `Medium` above the second, else `Low`.
fn severity(share: f64, high: f64, medium: f64) -> Severity {
    match share {
        share if share > high => Severity::High,
        share if share > medium => Severity::Medium,
        _ => Severity::Low,
    }
}
