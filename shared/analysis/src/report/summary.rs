//! The text part of a report, `analysis_summary` (platform.md 9.1).

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

/// A summary in words, by a language model or, without one, a fixed outline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnalysisSummary {
    status: &'static str,
    summary: String,
    execution_time_ms: u64,
    model_used: String,
    timestamp: String,
}

impl AnalysisSummary {
    /// What a language model wrote.
    pub fn of_model(model: &str, text: String, execution_time_ms: u64, at: DateTime<Utc>) -> Self {
        Self {
            status: "success",
            summary: text,
            execution_time_ms,
            model_used: model.to_owned(),
            timestamp: at.to_rfc3339_opts(SecondsFormat::Micros, true),
        }
    }

    /// The outline that stands in when no model was asked or none answered. It holds no figures: those are in the
    /// report itself. `data_set_name` is [`crate::tools::Transformer::data_set_name`].
    pub fn fallback(data_set_name: &str, execution_time_ms: u64, at: DateTime<Utc>) -> Self {
        let text = format!(
            "# Analysis Summary - {data_set_name}\n\
             \n\
             ## Executive Summary\n\
             The agents of this task have finished. This page was written without a language model, so it points to \
             the results instead of retelling them.\n\
             \n\
             ## Technical Findings\n\
             - The alerts name what concerns the data set as a whole, the most severe first to be looked at.\n\
             - The issues name the columns concerned, each with the figure that led to it.\n\
             - The row-level issues point to single rows and cells.\n\
             \n\
             ## Recommended Actions\n\
             - Begin with alerts and issues of severity critical, then high.\n\
             - Follow the recommendations in the order of their priority and timeline.\n\
             - Run the analysis again afterwards and compare the scores.\n\
             \n\
             ## Next Steps\n\
             - Share the workbook with those who own the data.\n\
             - Agree on who corrects what, and by when.\n"
        );
        Self::of_model("fallback", text, execution_time_ms, at)
    }

    /// The text, markdown.
    pub fn text(&self) -> &str {
        &self.summary
    }

    /// The model's name, or `fallback`.
    pub fn model(&self) -> &str {
        &self.model_used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_has_the_title_the_four_sections_and_no_figure() {
        let summary = AnalysisSummary::fallback("Data Profile Analysis", 0, DateTime::UNIX_EPOCH);
        let headings: Vec<&str> = summary.text().lines().filter(|line| line.starts_with('#')).collect();
        assert_eq!(
            headings,
            [
                "# Analysis Summary - Data Profile Analysis",
                "## Executive Summary",
                "## Technical Findings",
                "## Recommended Actions",
                "## Next Steps"
            ]
        );
        assert!(!summary.text().contains(|character: char| character.is_ascii_digit()));
        let keys = serde_json::to_value(&summary).unwrap();
        let keys: Vec<_> = keys.as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["status", "summary", "execution_time_ms", "model_used", "timestamp"]);
    }
}
