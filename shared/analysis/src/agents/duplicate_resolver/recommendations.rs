//! What to do about duplicates (section 6 of the specification).

use super::resolution::Strategy;
use super::{Duplicates, ID};
use crate::findings::{Recommendation, Severity, first_names};
use crate::text::{counted, fixed};

/// Entries up to which types are added.
const UNTIL: usize = 5;

pub(super) fn recommendations(duplicates: &Duplicates<'_>) -> Vec<Recommendation> {
    let mut list = Vec::new();
    let mut add = |id: String, field: &str, priority, timeline, text: String| {
        list.push(Recommendation::new(ID, id, field.to_owned(), priority, timeline, text));
        list.len()
    };
    let conflicts = duplicates.detected.count("conflicting");
    let mut entries = 0;
    if conflicts > 0 {
        let text = format!("Settle the values of {} that share a key.", counted(conflicts, "row", "rows"));
        entries = add("rec_duplicates_conflicts".into(), "multiple", Severity::Critical, "immediate", text);
    }
    let total = duplicates.total();
    if duplicates.exceeds(total, 0.1) {
        let text = format!("Let the database refuse duplicates: {total} rows repeat others.");
        entries = add("rec_duplicates_constraints".into(), "all", Severity::High, "1 week", text);
    }
    for found in duplicates.detected.occurring() {
        if entries >= UNTIL {
            break;
        }
        let count = found.rows.len();
        let priority = if duplicates.exceeds(count, 0.05) { Severity::High } else { Severity::Medium };
        let text =
            format!("Look into {} of the type {}.", counted(count, "duplicate", "duplicates"), found.name);
        entries = add(format!("rec_duplicates_{}", found.name), "various", priority, "1-2 weeks", text);
    }
    if duplicates.strategy == Strategy::Remove && duplicates.exceeds(duplicates.removed, 0.1) {
        let text = format!("Try merge_smart: {} rows were removed with all they hold.", duplicates.removed);
        add("rec_duplicates_merge_strategy".into(), "all", Severity::Medium, "2 weeks", text);
    }
    let text = format!("Find out where duplicates arise; {} were found here.", total);
    add("rec_duplicates_source".into(), "all", Severity::Medium, "2 weeks", text);
    let text = format!("Watch the share of duplicates; it is {} % now.", fixed(duplicates.share(), 1));
    add("rec_duplicates_monitoring".into(), "all", Severity::Low, "3 weeks", text);
    if !duplicates.keys.are_given() {
        let text = format!("Name key columns: all {} columns were compared.", duplicates.width);
        add("rec_duplicates_key_columns".into(), "all", Severity::High, "1 week", text);
    }
    if !duplicates.keys.emails.is_empty() {
        let text = "Store e-mail addresses in lower case, without outer blanks.".to_owned();
        let names = first_names(duplicates.keys.emails, 3, "");
        add("rec_duplicates_email_normalization".into(), &names, Severity::Medium, "2 weeks", text);
    }
    let text = "Write down which rows count as duplicates, and which of them stays.".to_owned();
    add("rec_duplicates_documentation".into(), "all", Severity::Low, "3 weeks", text);
    if duplicates.share() > 10.0 {
        let text =
            format!("Remove duplicates at every delivery: {} % repeat others.", fixed(duplicates.share(), 1));
        add("rec_duplicates_automation".into(), "all", Severity::High, "2-3 weeks", text);
    }
    list
}
