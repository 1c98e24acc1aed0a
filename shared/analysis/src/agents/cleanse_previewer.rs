//! `cleanse-previewer` of clean-my-data: carries out cleaning rules on a copy, each from the original, and tells what
//! they would change.
//!
//! What is known about a table is in [`profile`], how rules are carried out in [`simulation`], what they mean in
//! [`impact`], texts are in [`findings`] and [`recommendations`], row-level issues in [`rows`].

mod findings;
mod impact;
mod profile;
mod recommendations;
mod rows;
mod simulation;

use serde_json::{Value, json};

use super::cleaned::{self, Grading, r1};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::parameters::Parameters;
use crate::stats::percentage;
use impact::{Impact, ImpactIssue, Level, Preview};
use profile::Profile;

/// The agent.
#[derive(Debug)]
pub(super) struct CleansePreviewer;

const ID: &str = "cleanse-previewer";

/// Impact issues that are listed.
const IMPACT_ISSUES: usize = 100;

impl Agent for CleansePreviewer {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Cleanse Previewer"
    }

    fn signs(&self, error: &AgentError) -> Signature {
        Signature::by_stage(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let table = cleaned::read(input, 100)?;
        let settings = Settings::new(&mut parameters)?;
        let original = Profile::of(&table);
        let previews: Vec<Preview> = settings
            .rules
            .iter()
            .enumerate()
            .map(|(position, rule)| Preview::of(position, rule, &table, &original, &settings))
            .collect();
        let summary = Summary::new(&original, &previews, &settings);
        let impact_issues: Vec<Value> = summary.impact_issues().map(|issue| issue.to_json()).collect();
        let findings = findings::collect(&summary);
        let summary_metrics = extra([
            ("total_rows_analyzed", json!(table.height())),
            ("total_rules_previewed", json!(previews.len())),
            ("high_impact_rules", json!(summary.high)),
            ("medium_impact_rules", json!(summary.medium)),
            ("low_impact_rules", json!(summary.low)),
            ("safe_to_execute", json!(summary.is_safe())),
            ("total_warnings", json!(summary.warnings.len())),
        ]);
        let mut data = extra([
            ("preview_score", summary.score_json()),
            ("quality_status", json!(summary.quality)),
            ("preview_analysis", summary.analysis_json(&settings)),
            ("summary", json!(findings::summary(&summary))),
            ("impact_issues", Value::from(impact_issues)),
            ("values_lost", cleaned::values_lost(&table)),
        ]);
        parameters.hide_default("preview_rules");
        parameters.write_echoes(&mut data);
        Ok(Answer::success(summary_metrics, data, findings))
    }
}

struct Settings {
    rules: Vec<Value>,
    high_impact: f64,
    medium_impact: f64,
    confidence: f64,
    distributions: bool,
    grading: Grading,
}

impl Settings {
    fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let rules = parameters.lenient_list("preview_rules", Vec::new());
        let high_impact = parameters.number_or_null("impact_threshold_high", json!(10))?;
        let medium_impact = parameters.number_or_null("impact_threshold_medium", json!(5))?;
        let confidence = parameters.number_or_null("confidence_level", json!(0.95))?;
        let distributions = parameters.truth("calculate_distributions", true);
        // Echoed only: the reference does nothing with them (section 2).
        parameters.truth("compare_statistics", true);
        parameters.truth("analyze_correlations", false);
        let weights = [("accuracy_weight", 0.4), ("safety_weight", 0.3), ("completeness_weight", 0.3)];
        let grading = Grading::with(parameters, weights, [90, 75], "needs_review")?;
        Ok(Self { rules, high_impact, medium_impact, confidence, distributions, grading })
    }
}

/// All rules together (sections 5 and 6 of the specification). Scores are rounded to one decimal.
struct Summary<'a> {
    original: &'a Profile<'a>,
    previews: &'a [Preview],
    high: usize,
    medium: usize,
    low: usize,
    /// A description of each rule that is not safe.
    warnings: Vec<String>,
    accuracy: f64,
    safety: f64,
    completeness: f64,
    score: f64,
    quality: &'static str,
    /// Change of memory by the first rule, in megabytes.
    memory_change: f64,
}

impl<'a> Summary<'a> {
    fn new(original: &'a Profile<'a>, previews: &'a [Preview], settings: &Settings) -> Self {
        let done = || previews.iter().filter_map(|preview| preview.outcome.as_ref().ok());
        let count = |level| done().filter(|impact| impact.level == level).count();
        let (high, medium, low) = (count(Level::High), count(Level::Medium), count(Level::Low));
        let is_unsafe = |impact: &Impact| impact.level == Level::High && impact.is_risky();
        let warnings: Vec<String> = previews
            .iter()
            .filter(|preview| preview.outcome.as_ref().is_ok_and(is_unsafe))
            .map(|preview| preview.rule.description_text())
            .collect();
        let accuracy = if previews.is_empty() { 100.0 } else { percentage(done().count(), previews.len()) };
        let unsafe_malus = if warnings.is_empty() { 0.0 } else { 20.0 };
        let safety = (100.0 - 15.0 * high as f64 - 5.0 * medium as f64 - unsafe_malus).max(0.0);
        let completeness = if previews.is_empty() { 0.0 } else { 100.0 };
        let score = r1(settings.grading.score([accuracy, safety, completeness]));
        let first =
            previews.first().map(|preview| preview.outcome.as_ref().map_or(0.0, |impact| impact.memory));
        Self {
            original,
            previews,
            high,
            medium,
            low,
            warnings,
            accuracy: r1(accuracy),
            safety: r1(safety),
            completeness,
            score,
            quality: settings.grading.quality(score),
            memory_change: first.map_or(0.0, |memory| memory - original.memory),
        }
    }

    fn is_safe(&self) -> bool {
        self.warnings.is_empty()
    }

    fn failed(&self) -> usize {
        self.previews.iter().filter(|preview| preview.outcome.is_err()).count()
    }

    fn succeeded(&self) -> usize {
        self.previews.len() - self.failed()
    }

    /// Whether memory changes by more than 50 megabytes.
    fn is_memory_spike(&self) -> bool {
        self.memory_change.abs() > 50.0
    }

    fn score_json(&self) -> Value {
        json!({
            "overall_score": self.score,
            "metrics": {
                "accuracy_score": self.accuracy,
                "safety_score": self.safety,
                "completeness_score": self.completeness,
                "successful_simulations": self.succeeded(),
                "total_simulations": self.previews.len(),
                "high_impact_operations": self.high,
                "safe_to_execute": self.is_safe(),
            },
        })
    }

    fn analysis_json(&self, settings: &Settings) -> Value {
        json!({
            "original_profile": self.original.to_json(settings.distributions),
            "simulated_results":
                self.previews.iter().map(|preview| preview.to_json(self.original)).collect::<Vec<_>>(),
            "overall_impact": {
                "total_rules": self.previews.len(),
                "high_impact_rules": self.high,
                "medium_impact_rules": self.medium,
                "low_impact_rules": self.low,
                "safe_to_execute": self.is_safe(),
                "warnings": self.warnings,
            },
            "statistical_confidence": settings.confidence * 100.0,
            "execution_safety": if self.is_safe() { "SAFE" } else { "CAUTION" },
            "recommendations":
                recommendations::advice(self).iter().map(recommendations::Advice::to_json).collect::<Vec<_>>(),
        })
    }

    /// What is wrong with the rules, in their order: the first of it.
    fn impact_issues(&self) -> impl Iterator<Item = ImpactIssue<'_>> {
        self.previews.iter().flat_map(Preview::impact_issues).take(IMPACT_ISSUES)
    }
}

#[cfg(test)]
mod tests;
