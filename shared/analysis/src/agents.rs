//! The agents that this build runs, found by id. One agent is one file (or folder) below.

mod analytics;
mod cleaned;
mod cleanse_previewer;
mod cleanse_writeback;
mod customer_segmentation;
mod drift_detector;
mod duplicate_resolver;
mod experimental_design;
mod field_standardization;
mod governance_checker;
mod holdout_planner;
mod null_handler;
mod outlier_remover;
mod quarantine_agent;
mod readiness_rater;
mod score_risk;
mod test_coverage;
#[cfg(test)]
mod testing;
mod type_fixer;
mod unified_profiler;

use crate::agent::Agent;

static AGENTS: &[&dyn Agent] = &[
    &unified_profiler::UnifiedProfiler,
    &drift_detector::DriftDetector,
    &score_risk::RiskScorer,
    &readiness_rater::ReadinessRater,
    &governance_checker::GovernanceChecker,
    &test_coverage::TestCoverage,
    &cleanse_previewer::CleansePreviewer,
    &quarantine_agent::QuarantineAgent,
    &duplicate_resolver::DuplicateResolver,
    &null_handler::NullHandler,
    &cleanse_writeback::CleanseWriteback,
    &customer_segmentation::CustomerSegmentation,
    &experimental_design::ExperimentalDesign,
    &holdout_planner::HoldoutPlanner,
    &outlier_remover::OutlierRemover,
    &type_fixer::TypeFixer,
    &field_standardization::FieldStandardization,
];

/// Every agent of this build.
pub fn all() -> &'static [&'static dyn Agent] {
    AGENTS
}

/// An agent by its id.
pub fn find(agent_id: &str) -> Option<&'static dyn Agent> {
    AGENTS.iter().find(|agent| agent.id() == agent_id).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools;

    #[test]
    fn every_agent_is_in_the_registry_once() {
        for agent in all() {
            assert!(tools::agent(agent.id()).is_some(), "{}", agent.id());
            assert_eq!(all().iter().filter(|other| other.id() == agent.id()).count(), 1, "{}", agent.id());
        }
    }
}
