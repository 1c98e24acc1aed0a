//! `quarantine-agent` of clean-my-data: finds invalid rows, removes them, explains them.
//!
//! The detectors are in [`detection`], texts that look like an attack in [`suspicious`], what the client asks for in
//! [`constraints`]; rows are listed in [`rows`], texts are in [`findings`] and [`recommendations`].

mod constraints;
mod detection;
mod findings;
mod recommendations;
mod rows;
mod suspicious;

use chrono::Utc;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::cleaned::{self, Grading, r1};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::{Severity, extra};
use crate::stats::{percentage, round};
use constraints::Settings;
use detection::{Flaw, Quarantine};

/// The agent.
#[derive(Debug)]
pub(super) struct QuarantineAgent;

const ID: &str = "quarantine-agent";

impl Agent for QuarantineAgent {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Quarantine Agent"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        // Every column as text.
        let table = cleaned::read(input, 0)?;
        let settings = Settings::new(&mut parameters);
        let weights = [
            ("quarantine_reduction_weight", 0.5),
            ("data_integrity_weight", 0.3),
            ("processing_efficiency_weight", 0.2),
        ];
        let grading = Grading::with(&mut parameters, weights, [90, 75], "needs_improvement")?;
        let judged = Judged::new(Quarantine::of(&table, &settings), &grading);
        let kept = table
            .filtered(judged.quarantine.is_bad.iter().map(|is_bad| !is_bad))
            .map_err(cleaned::engine("taking out the quarantined rows"))?;

        let findings = findings::collect(&judged);
        let summary_metrics = extra([
            ("total_rows_processed", json!(judged.rows)),
            ("quarantined_records", json!(judged.bad)),
            ("clean_records", json!(judged.clean())),
            ("quarantine_percentage", json!(judged.share)),
            ("quarantine_issues_found", json!(judged.flaws().len())),
        ]);
        let mut data = extra([
            ("quality_score", judged.score_to_json()),
            ("quality_status", json!(judged.quality)),
            ("quarantine_analysis", judged.analysis_to_json()),
            ("quarantine_log", json!(judged.quarantine.log)),
            ("summary", json!(findings::summary(&judged))),
            ("row_level_issues", judged.flaws().iter().take(100).map(Flaw::to_json).collect()),
        ]);
        parameters.write_echoes(&mut data);
        let mut answer = Answer::success(summary_metrics, data, findings);
        answer.cleaned_file = Some(cleaned::file(table.name(), kept));
        Ok(answer)
    }
}

/// The figures of the whole file (sections 3 and 5 of the specification). Rates are rounded to one decimal.
struct Judged {
    quarantine: Quarantine,
    /// Kind of flaw -> listed flaws.
    kinds: IndexMap<&'static str, usize>,
    /// Severity -> listed flaws.
    severities: IndexMap<String, usize>,
    rows: usize,
    /// Quarantined rows.
    bad: usize,
    /// They in percent of all rows, with two decimals.
    share: f64,
    reduction: f64,
    integrity: f64,
    efficiency: f64,
    score: f64,
    quality: &'static str,
}

impl Judged {
    fn new(quarantine: Quarantine, grading: &Grading) -> Self {
        let (mut kinds, mut severities) = (IndexMap::new(), IndexMap::new());
        for flaw in &quarantine.flaws {
            *kinds.entry(flaw.kind).or_default() += 1;
            *severities.entry(flaw.severity.as_str().to_owned()).or_default() += 1;
        }
        let rows = quarantine.is_bad.len();
        let bad = quarantine.is_bad.iter().filter(|is_bad| **is_bad).count();
        let efficiency = if (bad as f64) < 0.5 * rows as f64 { 100.0 } else { 50.0 };
        let rates = [percentage(bad, rows), percentage(rows - bad, rows), efficiency];
        let score = r1(grading.score(rates));
        let [reduction, integrity, efficiency] = rates.map(r1);
        Self {
            quarantine,
            kinds,
            severities,
            rows,
            bad,
            share: round(percentage(bad, rows), 2),
            reduction,
            integrity,
            efficiency,
            score,
            quality: grading.quality(score),
        }
    }

    fn flaws(&self) -> &[Flaw] {
        &self.quarantine.flaws
    }

    fn clean(&self) -> usize {
        self.rows - self.bad
    }

    fn of_kind(&self, kind: &str) -> usize {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    fn of_severity(&self, severity: &Severity) -> usize {
        self.severities.get(severity.as_str()).copied().unwrap_or_default()
    }

    /// Whether a number is more than this share of all rows.
    fn exceeds(&self, count: usize, share: f64) -> bool {
        count as f64 > share * self.rows as f64
    }

    fn score_to_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "quarantine_reduction_rate": self.reduction,
                "data_integrity_rate": self.integrity,
                "processing_efficiency_rate": self.efficiency,
                "total_rows_analyzed": self.rows,
                "quarantined_rows": self.bad,
                "clean_rows": self.clean(),
                "issue_count": self.flaws().len(),
            },
        })
    }

    fn analysis_to_json(&self) -> Value {
        json!({
            "total_rows_analyzed": self.rows,
            "total_quarantined": self.bad,
            "quarantine_percentage": self.share,
            "quarantine_issues": self.flaws().iter().map(Flaw::to_json).collect::<Vec<_>>(),
            "issue_types": self.kinds,
            "severity_breakdown": self.severities,
            "timestamp": Utc::now().format("%Y-%m-%dT%H:%M:%S%.6f").to_string(),
        })
    }
}

#[cfg(test)]
mod tests;
