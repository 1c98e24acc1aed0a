//! `control-group-holdout-planner-agent`: sizes, duration and cost of a holdout group per segment, from parameters
//! alone.
//!
//! One segment's arithmetic is in [`segment`], texts are in [`findings`].

mod findings;
mod segment;

use serde_json::{Value, json};

use super::analytics::{self, Grades};
use crate::agent::{Agent, AgentError, AgentInput, Signature};
use crate::answer::Answer;
use crate::findings::extra;
use crate::stats::round;
use segment::{Design, Segment};

/// The agent.
#[derive(Debug)]
pub(super) struct HoldoutPlanner;

const ID: &str = "control-group-holdout-planner-agent";
/// Segments that parameters exist for.
const SEGMENTS: i64 = 10;

impl Agent for HoldoutPlanner {
    fn id(&self) -> &'static str {
        ID
    }

    fn name(&self) -> &'static str {
        "Control Group Holdout Planner Agent"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn signs(&self, error: &AgentError) -> Signature {
        analytics::signature(error)
    }

    fn run(&self, input: &AgentInput<'_>) -> Result<Answer, AgentError> {
        let mut parameters = input.parameters()?;
        let ratio = parameters.bounded_integer("holdout_ratio", 10, 1..=50);
        let confidence = parameters.bounded_number("confidence_level", 0.95, 0.0..=0.999_999);
        let power = parameters.bounded_number("statistical_power", 0.8, 0.0..=0.999_999);
        let count = parameters.bounded_integer("segment_count", 1, 1..=SEGMENTS);
        let grading = Grades::new(&mut parameters, [90, 75], 0..=100);
        let design = Design::new(ratio, confidence, power);
        // All segments are taken for the echoes, the first ones are planned.
        let mut segments: Vec<Segment> =
            (1..=SEGMENTS).map(|number| Segment::take(&mut parameters, number, &design)).collect();
        segments.retain(|segment| segment.number <= count);
        let plan = Plan::new(design, segments, grading)?;
        let findings = findings::collect(&plan);
        let summary_metrics = extra([
            ("segments_requested", json!(count)),
            ("segments_computed", json!(plan.computed)),
            ("underpowered_segments", json!(plan.underpowered)),
            ("total_users_required", json!(round(plan.users, 0))),
            ("max_duration_days", json!(round(plan.days, 2))),
            ("total_holdout_cost", json!(round(plan.cost, 2))),
        ]);
        let design = &plan.design;
        let mut data = extra([
            (
                "global_inputs",
                json!({
                    "holdout_ratio": ratio,
                    "confidence_level": confidence,
                    "statistical_power": power,
                    "segment_count": count,
                }),
            ),
            (
                "constants",
                json!({
                    "z_alpha": design.z_alpha,
                    "z_beta": design.z_beta,
                    "p_holdout": design.holdout,
                    "imbalance_factor": design.imbalance,
                }),
            ),
            ("segments", plan.segments.iter().map(|segment| segment.to_json(design)).collect()),
            ("aggregate", plan.aggregate_to_json()),
            ("quality", json!({"plan_quality_score": plan.score, "quality_status": plan.grade})),
        ]);
        parameters.write_echoes(&mut data);
        Ok(Answer::success(summary_metrics, data, findings))
    }
}

/// The segments together (sections 4 and 5 of the specification).
struct Plan {
    design: Design,
    segments: Vec<Segment>,
    computed: usize,
    underpowered: usize,
    users: f64,
    days: f64,
    cost: f64,
    score: f64,
    grade: &'static str,
}

impl Plan {
    /// # Errors
    /// When no segment could be computed.
    fn new(design: Design, segments: Vec<Segment>, grading: Grades) -> Result<Self, AgentError> {
        let sizes: Vec<_> = segments.iter().filter_map(|segment| segment.sizes.as_ref().ok()).collect();
        if sizes.is_empty() {
            let reasons: Vec<&str> = segments
                .iter()
                .filter_map(|segment| segment.sizes.as_ref().err())
                .map(|error| error.text())
                .collect();
            return Err(AgentError::Computation { step: "planning the segments", reason: reasons.join(" ") });
        }
        let computed = sizes.len();
        let underpowered = sizes.iter().filter(|sizes| sizes.is_underpowered()).count();
        let users = sizes.iter().map(|sizes| sizes.users).sum();
        let cost = sizes.iter().map(|sizes| sizes.cost).sum();
        // Segments run side by side.
        let days = sizes.iter().map(|sizes| sizes.days).fold(0.0, f64::max);
        let lost = (10.0 * underpowered as f64).min(60.0) + if design.ratio < 5 { 10.0 } else { 0.0 };
        let score = round((100.0 - lost).clamp(0.0, 100.0), 1);
        let grade = grading.of(score);
        Ok(Self { design, segments, computed, underpowered, users, days, cost, score, grade })
    }

    fn aggregate_to_json(&self) -> Value {
        json!({
            "total_users_required": self.users,
            "max_duration_days": self.days,
            "total_holdout_cost": self.cost,
            "computed_segments": self.computed,
            "underpowered_segments": self.underpowered,
        })
    }
}

#[cfg(test)]
mod tests;
