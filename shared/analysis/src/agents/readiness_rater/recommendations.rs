//! Recommendations (section 6 of the specification).

use std::cmp::Ordering;

use serde_json::json;

use super::deductions::{Deduction, FORMAT, MISSING, OUTLIERS};
use super::findings::{NOTHING, SMALL, advice, consistency_text, repeated_text, schema_text, status_text};
use super::{ID, Rating, Status};
use crate::findings::{Recommendation, Severity, extra, first_names};
use crate::text::{counted, fixed};

const WHOLE: &str = "entire dataset";

pub(super) fn recommendations(rating: &Rating<'_, '_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: &'static str, field: String, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field, priority, timeline, text));
    };
    let (id, priority, timeline) = match rating.status {
        Status::NotReady => ("rec_readiness_001_overall_critical", Severity::Critical, "immediate"),
        Status::NeedsReview => ("rec_readiness_002_review_required", Severity::High, "1-2 weeks"),
        Status::Ready => ("rec_readiness_003_production_ready", Severity::Low, "1 month"),
    };
    add(id, WHOLE.to_owned(), priority, timeline, format!("{} {}", status_text(rating), advice(rating)));
    let completeness = rating.completeness;
    if completeness < 95.0 {
        let names = first_names(&rating.names_in(MISSING), 5, NOTHING);
        let text = format!(
            "Raise completeness from {} % to 95 %: fill or drop what is missing most.",
            fixed(completeness, 1)
        );
        let timeline = if completeness < 60.0 { "immediate" } else { "1-2 weeks" };
        add("rec_readiness_completeness", names, below(completeness), timeline, text);
    }
    if rating.consistency < 95.0 {
        let priority = if rating.consistency < 70.0 { Severity::High } else { Severity::Medium };
        let text = format!(
            "Consistency is {} of 100. {} Decide for each of them whether it holds numbers or texts.",
            fixed(rating.consistency, 1),
            consistency_text(rating)
        );
        add("rec_readiness_consistency", "data types".to_owned(), priority, "1-2 weeks", text);
    }
    let schema_health = rating.schema_health;
    if schema_health < 95.0 {
        let text = format!("Schema health is {} of 100: {}", fixed(schema_health, 1), schema_text(rating));
        add("rec_readiness_schema", nameless_and_empty(rating), below(schema_health), "1 week", text);
    }
    if !rating.repeated_rows.is_empty() {
        let priority = match rating.repeated_share() {
            share if share > 20.0 => Severity::Critical,
            share if share > 5.0 => Severity::High,
            _ => Severity::Medium,
        };
        let text = format!("{} Keep one of each; clean-my-data can do it.", repeated_text(rating));
        add("rec_readiness_duplicates", NOTHING.to_owned(), priority, "1 week", text);
    }
    let formats = rating.names_in(FORMAT);
    if !formats.is_empty() {
        let text =
            format!("Bring the dates of {} into one format.", counted(formats.len(), "column", "columns"));
        add("rec_readiness_formats", first_names(&formats, 3, NOTHING), Severity::High, "1 week", text);
    }
    let outliers = rating.names_in(OUTLIERS);
    if !outliers.is_empty() {
        let text = format!("Check the outliers of {}.", counted(outliers.len(), "column", "columns"));
        add(
            "rec_readiness_outliers",
            first_names(&outliers, 3, NOTHING),
            Severity::Medium,
            "2-3 weeks",
            text,
        );
    }
    if rating.rows < SMALL {
        let text = format!("Collect at least {SMALL} rows; there are {}.", rating.rows);
        add("rec_readiness_sample_size", WHOLE.to_owned(), Severity::Medium, "2-4 weeks", text);
    }
    if rating.status != Status::Ready {
        let ids = ["rec_readiness_deduction_0", "rec_readiness_deduction_1"];
        for (id, deduction) in ids.into_iter().zip(largest(rating)) {
            let (priority, timeline) = match deduction.severity {
                Severity::Critical => (Severity::Critical, "1-2 weeks"),
                Severity::High => (Severity::High, "1-2 weeks"),
                _ => (Severity::Medium, "2-3 weeks"),
            };
            let field = deduction.field.unwrap_or(NOTHING).to_owned();
            add(id, field, priority, timeline, deduction.remediation.clone());
        }
    }
    for recommendation in list.iter_mut().filter(|one| one.recommendation_id == "rec_readiness_schema") {
        // Clients of the reference may look for this key, which stands there instead of `agent_id`.
        recommendation.extra = extra([("agent_name", json!(ID))]);
    }
    list
}

/// The deductions by amount, the largest first, equal ones in their order.
pub(super) fn largest<'r, 'a>(rating: &'r Rating<'_, 'a>) -> Vec<&'r Deduction<'a>> {
    let mut sorted: Vec<_> = rating.deductions.iter().collect();
    sorted.sort_by(|left, right| right.amount.partial_cmp(&left.amount).unwrap_or(Ordering::Equal));
    sorted
}

fn nameless_and_empty(rating: &Rating<'_, '_>) -> String {
    format!(
        "{} and {}",
        counted(rating.count(|field| field.is_unnamed()), "unnamed column", "unnamed columns"),
        counted(rating.count(|field| field.is_empty()), "empty column", "empty columns")
    )
}

/// `Critical` below 60, `High` below 80, else `Medium`.
fn below(score: f64) -> Severity {
    match score {
        score if score < 60.0 => Severity::Critical,
        score if score < 80.0 => Severity::High,
        _ => Severity::Medium,
    }
}
