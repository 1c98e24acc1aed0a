//! Row-level issues of drifted columns: values far from the baseline, and categories that are new.

use polars_core::runtime::RAYON;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::categories::Categories;
use super::field::{Field, Form, Numeric};
use crate::findings::{ROW_ISSUE_CAP, RowIssue, Severity, extra, number};
use crate::stats::greater;
use crate::text::{Cell, fixed};

/// Most issues of one kind (for categories: of one category) in a column.
const PER_KIND: usize = 50;
/// Standard deviations from the baseline's mean beyond which a value is far.
const FAR: f64 = 2.0;
/// Standard deviations above the baseline's mean beyond which a value has left the range, once the mean has moved.
const ABOVE: f64 = 1.5;
/// Standard deviations by which the mean must have moved for that.
const MOVED: f64 = 0.5;
/// Keeps the z-scores of constant columns finite, as in the reference.
const TINY: f64 = 1e-10;

/// The issues of all fields, in the order of the specification.
pub(super) fn collect(fields: &[Field<'_>]) -> Vec<RowIssue> {
    let drifted: Vec<&Field<'_>> = fields.iter().filter(|field| field.drifted).collect();
    let found: Vec<Vec<RowIssue>> =
        RAYON.install(|| drifted.into_par_iter().with_max_len(1).map(of_field).collect());
    let mut issues: Vec<RowIssue> = found.into_iter().flatten().collect();
    issues.truncate(ROW_ISSUE_CAP);
    issues
}

fn of_field(field: &Field<'_>) -> Vec<RowIssue> {
    match &field.form {
        Form::Numeric(numeric) => {
            let mut issues = far(field, numeric);
            issues.extend(above(field, numeric));
            issues
        }
        Form::Categorical(categories) => new_categories(field, categories),
    }
}

/// An issue of the `position`-th row that the condition holds for. Its row index is this position, not the row of
/// the file (Q1).
fn issue(
    field: &Field<'_>,
    position: usize,
    issue_type: &'static str,
    severity: Severity,
    message: String,
    extra: Map<String, Value>,
) -> RowIssue {
    RowIssue {
        row_index: Some(position as u64),
        column: Some(field.name.to_owned()),
        issue_type: issue_type.into(),
        severity,
        message,
        extra,
    }
}

/// The first values that are more than two standard deviations away from the baseline's mean.
fn far(field: &Field<'_>, numeric: &Numeric<'_>) -> Vec<RowIssue> {
    let baseline = &numeric.baseline;
    let z_score = |value: f64| (value - baseline.mean) / (baseline.std + TINY);
    // The z-score rises with the value, so the extremes tell whether there is anything to look for.
    let ranking = numeric.current.ranking;
    let is_far = |value: f64| greater(z_score(value).abs(), FAR);
    if !ranking.has_nan() && ![ranking.min(), ranking.max()].into_iter().flatten().any(is_far) {
        return Vec::new();
    }
    let bounds = json!({"lower": baseline.ranking.quantile(0.05), "upper": baseline.ranking.quantile(0.95)});
    let rows = numbers(field).filter(|(_, value)| is_far(*value)).take(PER_KIND);
    rows.enumerate()
        .map(|(position, (row, value))| {
            let z = z_score(value);
            let message = format!(
                "The value {} of column \"{}\" is {} standard deviations away from the baseline's mean, {}.",
                Cell::Float(value).display(),
                field.name,
                fixed(z.abs(), 2),
                fixed(baseline.mean, 2)
            );
            let keys = [
                ("value", number(field.current.cell(row))),
                ("bounds", bounds.clone()),
                ("z_score", json!(z)),
            ];
            issue(field, position, "distribution_shift", Severity::Warning, message, extra(keys))
        })
        .collect()
}

/// The first values above the baseline's range, where the mean has moved.
fn above(field: &Field<'_>, numeric: &Numeric<'_>) -> Vec<RowIssue> {
    let (before, now, std) = (numeric.baseline.mean, numeric.current.mean, numeric.baseline.std);
    let bound = before + ABOVE * std;
    let has_moved = (now - before).abs() > MOVED * std;
    if !has_moved || numeric.current.ranking.count_above(bound) == 0 {
        return Vec::new();
    }
    let rows = numbers(field).filter(|(_, value)| greater(*value, bound)).take(PER_KIND);
    rows.enumerate()
        .map(|(position, (row, value))| {
            let message = format!(
                "The value {} of column \"{}\" lies above the range of the baseline; the mean moved from {} to {}.",
                Cell::Float(value).display(),
                field.name,
                fixed(before, 2),
                fixed(now, 2)
            );
            let keys = [
                ("value", number(field.current.cell(row))),
                ("baseline_mean", json!(before)),
                ("current_mean", json!(now)),
            ];
            issue(field, position, "value_range_change", Severity::Info, message, extra(keys))
        })
        .collect()
}

fn new_categories(field: &Field<'_>, categories: &Categories) -> Vec<RowIssue> {
    let rows = categories.new.iter().flat_map(|category| {
        (0..category.count.min(PER_KIND)).map(move |position| {
            let value = &category.value;
            let message =
                format!("The value \"{value}\" of column \"{}\" does not occur in the baseline.", field.name);
            let keys = extra([("value", json!(value))]);
            issue(field, position, "distribution_shift", Severity::Warning, message, keys)
        })
    });
    rows.take(ROW_ISSUE_CAP).collect()
}

fn numbers<'a>(field: &'a Field<'_>) -> impl Iterator<Item = (usize, f64)> + 'a {
    field.current.numbers().into_iter().flatten()
}
