//! What to do about the outliers (section 6 of the specification).

use super::{ID, Measured, Removal, Strategy};
use crate::findings::{Recommendation, Severity, first_names, three_names};
use crate::text::{counted, fixed};

pub(super) fn recommendations(removal: &Removal<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: String, field: String, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field, priority, timeline, text));
    };
    let all = || "all".to_owned();
    let high = removal.high();
    if !high.is_empty() {
        let names: Vec<&str> = high.iter().map(|measured| measured.name()).collect();
        let text =
            format!("Look into {} with more than 15 % outliers.", counted(high.len(), "column", "columns"));
        add("rec_outliers_column_review".into(), first_names(&names, 3, ""), Severity::High, "1 week", text);
    }
    let text = format!(
        "Compare the method {} with another one: it finds {}.",
        removal.settings.method,
        counted(removal.total, "outlier", "outliers")
    );
    add("rec_outliers_method".into(), all(), Severity::Medium, "2 weeks", text);
    for measured in removal.affected().take(3) {
        let priority = measured.priority();
        let timeline = if priority == Severity::High { "1 week" } else { "2 weeks" };
        let id = format!("rec_outliers_{}", measured.name());
        add(id, measured.name().to_owned(), priority, timeline, measured.reason());
    }
    let is_removing = removal.settings.strategy == Strategy::Remove;
    if is_removing && (removal.rows_after as f64) < 0.9 * removal.rows as f64 {
        let text = format!(
            "Replace outliers instead of removing rows: {} of {} rows are gone.",
            removal.rows_lost(),
            removal.rows
        );
        add("rec_outliers_imputation".into(), all(), Severity::High, "1-2 weeks", text);
    }
    let text = format!("Have somebody who knows the data look at the {} listed outliers.", removal.listed());
    add("rec_outliers_validation".into(), all(), Severity::Medium, "2 weeks", text);
    let text = "Watch the share of outliers of each delivery.".to_owned();
    add("rec_outliers_monitoring".into(), all(), Severity::Low, "3 weeks", text);
    // The reference uses one variable for both shares (section 7).
    let share =
        high.iter().take(20).next_back().map_or(removal.outlier_share(), |measured| measured.percentage);
    if !(1.0..=15.0).contains(&share) {
        let priority = if share > 15.0 { Severity::High } else { Severity::Medium };
        let text = format!("Adjust the thresholds: {} % of the values count as outliers.", fixed(share, 1));
        add("rec_outliers_threshold_tuning".into(), all(), priority, "1 week", text);
    }
    let skewed = removal.skewed();
    if !skewed.is_empty() {
        let text = format!(
            "Try a logarithm or a root on {} with a long tail before looking for outliers.",
            counted(skewed.len(), "column", "columns")
        );
        let id = "rec_outliers_distribution_transform".into();
        add(id, three_names(&skewed), Severity::Medium, "2 weeks", text);
    }
    let text = "Set a method and a threshold for each column where one for all does not fit.".to_owned();
    add("rec_outliers_column_specific".into(), all(), Severity::Medium, "2-3 weeks", text);
    let text =
        format!("Write down the method {} and its thresholds beside the data.", removal.settings.method);
    add("rec_outliers_documentation".into(), all(), Severity::Low, "3 weeks", text);
    list
}

/// Names of numeric columns.
pub(super) fn names<'m>(columns: &'m [Measured<'_>]) -> Vec<&'m str> {
    columns.iter().map(Measured::name).collect()
}
