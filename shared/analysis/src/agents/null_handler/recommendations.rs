//! What to do about the nulls (section 6 of the specification).

use super::{Cleaning, ID};
use crate::findings::{Recommendation, Severity, three_names};
use crate::text::fixed;

pub(super) fn recommendations(cleaning: &Cleaning<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: String, field: String, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field, priority, timeline, text));
    };
    let all = || "all".to_owned();
    let emptiest = cleaning.names_where(|share| share > 50.0);
    if !emptiest.is_empty() {
        let text =
            format!("Decide whether {} columns that are more than half empty are needed.", emptiest.len());
        add("rec_nulls_drop_columns".into(), three_names(&emptiest), Severity::High, "1 week", text);
    }
    let middling = cleaning.names_where(|share| share > 20.0 && share <= 50.0);
    if !middling.is_empty() {
        let text = format!("Fill {} columns that miss 20 to 50 % from related columns.", middling.len());
        add(
            "rec_nulls_advanced_imputation".into(),
            three_names(&middling),
            Severity::Medium,
            "2 weeks",
            text,
        );
    }
    let text = format!("Check the strategies: {} missing values are left.", cleaning.nulls_left);
    add("rec_nulls_strategy_review".into(), all(), Severity::Medium, "2 weeks", text);
    let share = cleaning.null_share();
    if share > 20.0 {
        let text = format!("{} % of all cells are empty: correct the source.", fixed(share, 1));
        add("rec_nulls_source_quality".into(), all(), Severity::High, "1-2 weeks", text);
    }
    for column in cleaning.columns.iter().take(3) {
        let priority = column.priority();
        let timeline = match priority {
            Severity::High => "1 week",
            Severity::Medium => "2 weeks",
            _ => "3 weeks",
        };
        let id = format!("rec_nulls_{}", column.name().replace(' ', "_"));
        add(id, column.name().to_owned(), priority, timeline, column.reason());
    }
    let text = "Compare the filled columns with what is known about them.".to_owned();
    add("rec_nulls_validation".into(), all(), Severity::Medium, "2-3 weeks", text);
    if !cleaning.columns.is_empty() {
        let text = format!("Watch the {} columns with missing values.", cleaning.columns.len());
        add("rec_nulls_monitoring".into(), all(), Severity::Low, "3 weeks", text);
    }
    let text = "Write down which strategy is used for which column, and why.".to_owned();
    add("rec_nulls_documentation".into(), all(), Severity::Low, "3 weeks", text);
    if cleaning.null_reduction < 80.0 {
        let text = format!("Try other strategies: {} % were handled.", fixed(cleaning.null_reduction, 1));
        add("rec_nulls_method_comparison".into(), all(), Severity::High, "1-2 weeks", text);
    }
    let widespread = cleaning.names_where(|share| share > 20.0).len();
    if widespread > 5 {
        let text = format!("{widespread} columns miss more than 20 %: agree on checks at the source.");
        add("rec_nulls_quality_framework".into(), all(), Severity::Critical, "immediate", text);
    }
    list
}
