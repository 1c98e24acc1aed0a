//! What to do about the drift (section 6 of the specification).

use super::field::{SEVERE_PSI, SHIFTED_PSI};
use super::findings::{Groups, NAMES};
use super::{Drift, ID};
use crate::findings::{Recommendation, Severity, first_names};
use crate::text::{counted, fixed};

pub(super) fn collect(drift: &Drift<'_>, groups: &Groups<'_>) -> Vec<Recommendation> {
    let mut recommendations = Vec::new();
    let mut add = |id: &'static str, field_name: String, priority, timeline: &'static str, text: String| {
        recommendations.push(Recommendation {
            recommendation_id: id.into(),
            agent_id: ID.into(),
            field_name,
            priority,
            recommendation: text,
            timeline: timeline.into(),
            extra: serde_json::Map::new(),
        });
    };
    let drifted = drift.drifted;
    let severe = drift.high > 0;
    if drifted > 0 {
        add(
            "rec_drift_retrain_models",
            format!("{drifted} fields"),
            if severe { Severity::Critical } else { Severity::High },
            if severe { "1 week" } else { "2 weeks" },
            format!(
                "Retrain the models that use the drifted columns ({drifted} of {}) on current data.",
                drift.common
            ),
        );
    }
    if !groups.severe.is_empty() {
        add(
            "rec_drift_investigate_high_fields",
            first_names(&groups.severe, NAMES, ""),
            Severity::Critical,
            "immediate",
            format!(
                "Find out why {} a PSI above {SEVERE_PSI}.",
                counted(groups.severe.len(), "column has", "columns have")
            ),
        );
    }
    if drift.is_systematic() {
        add(
            "rec_drift_source_validation",
            "all fields".to_owned(),
            Severity::High,
            "1-2 weeks",
            format!(
                "Validate the source and its pipeline: {} % of the common columns have drifted.",
                fixed(drift.share(), 1)
            ),
        );
    }
    let (missing, new) = (&drift.columns.missing, &drift.columns.new);
    if !missing.is_empty() {
        add(
            "rec_drift_missing_columns",
            first_names(missing, NAMES, ""),
            Severity::Critical,
            "immediate",
            format!(
                "Restore {} or adapt what reads them.",
                counted(missing.len(), "missing column", "missing columns")
            ),
        );
    }
    if !new.is_empty() {
        add(
            "rec_drift_new_columns_review",
            first_names(new, NAMES, ""),
            Severity::Medium,
            "1-2 weeks",
            format!(
                "Review {}: document the meaning, and add them to the baseline if they are to stay.",
                counted(new.len(), "new column", "new columns")
            ),
        );
    }
    if drifted > 0 {
        add(
            "rec_drift_continuous_monitoring",
            "all fields".to_owned(),
            Severity::Medium,
            "2-3 weeks",
            format!(
                "Compare each delivery with the baseline and alert on a PSI above {SHIFTED_PSI}; now {} above or \
                 significant.",
                counted(drifted, "column is", "columns are")
            ),
        );
    }
    if !groups.mean_shifted.is_empty() {
        add(
            "rec_drift_mean_shift_analysis",
            first_names(&groups.mean_shifted, NAMES, ""),
            Severity::High,
            "1-2 weeks",
            format!(
                "Explain the shifted mean of {}.",
                counted(groups.mean_shifted.len(), "numeric column", "numeric columns")
            ),
        );
    }
    if !groups.variance_shifted.is_empty() {
        add(
            "rec_drift_variance_shift_analysis",
            first_names(&groups.variance_shifted, NAMES, ""),
            Severity::High,
            "2-3 weeks",
            format!(
                "Explain the changed spread of {}, and scale features anew.",
                counted(groups.variance_shifted.len(), "numeric column", "numeric columns")
            ),
        );
    }
    recommendations
}
