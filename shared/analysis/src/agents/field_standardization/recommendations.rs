//! What to do about fields that vary (section 6 of the specification).

use super::{ID, Standardization};
use crate::findings::{Recommendation, Severity, first_names};
use crate::text::{counted, fixed};

pub(super) fn recommendations(standardization: &Standardization<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: String, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
    };
    let settings = &standardization.settings;
    let (before, columns) = (standardization.before, standardization.passes.len());
    let various = standardization.names_where(|column| column.before_all.score > 50.0);
    if !various.is_empty() {
        let text = format!(
            "Look for synonyms in {} whose values are distinct in more than half of the rows.",
            counted(various.len(), "column", "columns")
        );
        let field = first_names(&various, 3, "");
        add("rec_standardization_synonyms".into(), &field, Severity::High, "1 week", text);
    }
    for advice in standardization.advice().into_iter().take(3) {
        let timeline = if advice.priority == Severity::High { "1 week" } else { "2 weeks" };
        let id = format!("rec_standardization_{}", advice.column);
        add(id, advice.column, advice.priority, timeline, advice.reason);
    }
    if settings.case_strategy == "none" && before.needy > 0 {
        let text = format!(
            "Choose a case: {} in case or white space.",
            counted(before.needy, "column varies", "columns vary")
        );
        add("rec_standardization_case".into(), "all", Severity::Medium, "2 weeks", text);
    }
    if !settings.trims || !settings.spaces_once {
        let text = "Switch on both ways of cleaning white space.".to_owned();
        add("rec_standardization_whitespace".into(), "all", Severity::Medium, "2 weeks", text);
    }
    let text = "Compare standardized columns with what is known about them.".to_owned();
    add("rec_standardization_validation".into(), "all", Severity::Medium, "2-3 weeks", text);
    let text = "Watch how much the fields of each delivery vary.".to_owned();
    add("rec_standardization_monitoring".into(), "all", Severity::Low, "3 weeks", text);
    if settings.synonym_mappings.is_empty() && before.variations > 5 * columns {
        let text = format!(
            "Write down synonyms: {} were found in {}.",
            counted(before.variations, "variation", "variations"),
            counted(columns, "column", "columns")
        );
        add("rec_standardization_synonym_dev".into(), "all", Severity::High, "1-2 weeks", text);
    }
    let text = "Standardize where the data is entered, so that it need not be done later.".to_owned();
    add("rec_standardization_automation".into(), "all", Severity::Medium, "2-3 weeks", text);
    let text = "Write down the form of each field.".to_owned();
    add("rec_standardization_documentation".into(), "all", Severity::Low, "3 weeks", text);
    if standardization.effectiveness > 20.0 {
        let text = format!(
            "Show those who enter the data what was changed: {} % of the variations are gone.",
            fixed(standardization.effectiveness, 1)
        );
        add("rec_standardization_training".into(), "all", Severity::Medium, "2 weeks", text);
    }
    list
}
