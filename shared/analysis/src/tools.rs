//! The tool registry (tools.md): which tools can be executed, their agents, file slots, prices and parameters.
//!
//! The facts live in `data/tools.json`; this module only gives them types. Defaults of parameters in there are
//! what the form shows: they are never merged into what an agent receives.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::Value;

/// An executable tool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Tool id as it stands in the task row, e.g. `profile-my-data`.
    pub id: String,
    /// Display name.
    pub name: String,
    /// Category of the catalogue, e.g. `source`.
    pub category: String,
    /// `Private` or `Public`.
    pub status: String,
    /// Whether the catalogue lists the tool.
    pub show: bool,
    /// Version of the definition.
    pub version: String,
    /// Which transformer runs the tool.
    pub transformer: Transformer,
    /// The file slots, in the order of the definition.
    pub files: Vec<FileSlot>,
    /// Ids of the agents on offer, in default execution order.
    pub available_agents: Vec<String>,
}

impl Tool {
    /// The definition of an agent within this tool; `None` for an agent of another tool and for one that the
    /// tool runs without defining it (platform.md 6.2: such an agent is given no files).
    pub fn definition(&self, agent_id: &str) -> Option<&'static AgentDefinition> {
        agent(agent_id).filter(|agent| agent.defined && agent.tool == self.id)
    }

    /// Whether the tool's transformer runs this agent (platform.md 6.3).
    pub fn dispatches(&self, agent_id: &str) -> bool {
        let home = agent(agent_id).and_then(|agent| find(&agent.tool));
        home.is_some_and(|home| home.transformer == self.transformer)
    }

    /// Whether a file slot of the definition is required.
    pub fn requires_files(&self) -> bool {
        self.files.iter().any(|slot| slot.required)
    }
}

/// The four ways in which tools run their agents (platform.md 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Transformer {
    /// Every agent sees the original files.
    Profile,
    /// A file that an agent returns becomes the next agent's `primary`.
    Clean,
    /// As `Clean`, with another file name prefix.
    Master,
    /// Every agent sees the original files; slots may be missing.
    Analytics,
}

impl Transformer {
    /// Name of the data set in summaries (platform.md 6.1).
    pub fn data_set_name(self) -> &'static str {
        match self {
            Self::Profile => "Data Profile Analysis",
            Self::Clean => "Data Cleaning Analysis",
            Self::Master => "Master Data Management Analysis",
            Self::Analytics => "Business Analytics Analysis",
        }
    }

    /// The word that marks files of this transformer, `cleaned` or `mastered`; `None` where files are not chained.
    pub fn file_mark(self) -> Option<&'static str> {
        match self {
            Self::Clean => Some("cleaned"),
            Self::Master => Some("mastered"),
            Self::Profile | Self::Analytics => None,
        }
    }
}

/// One file slot of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileSlot {
    /// `primary`, `baseline` or `schema`.
    pub key: String,
    /// Whether a task needs it.
    pub required: bool,
    /// Extensions on offer; advisory.
    pub formats: Vec<String>,
    /// Largest size on offer in MB; advisory.
    pub max_size_mb: u32,
}

/// One agent of a tool.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentDefinition {
    /// Agent id, e.g. `unified-profiler`.
    pub id: String,
    /// Id of the tool that it belongs to.
    pub tool: String,
    /// Whether the tool's definition has an entry for it. Three agents are implemented and priced without one.
    pub defined: bool,
    /// Display name; `None` without a definition.
    pub name: Option<String>,
    /// Slots that the agent is given.
    pub required_files: Vec<String>,
    /// Credits in the seeding script; `None` where it has no row.
    pub seed_cost: Option<i32>,
    /// Whether its answer carries a file for the next agent.
    pub chained_output: bool,
    /// Parameters on offer, in the order of the form.
    pub parameters: Vec<ParameterDefinition>,
}

/// One parameter as the form offers it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParameterDefinition {
    /// Key in `parameters.json`.
    pub key: String,
    /// Type on offer.
    #[serde(rename = "type")]
    pub kind: ParameterKind,
    /// What the form shows at first; never merged into what an agent receives.
    pub default: Value,
    /// Smallest value on offer.
    pub min: Option<f64>,
    /// Largest value on offer.
    pub max: Option<f64>,
    /// The words or numbers on offer; empty when any value is.
    #[serde(default)]
    pub one_of: Vec<Value>,
    /// Key under which the form collects a weight for each element.
    pub weights_key: Option<String>,
    /// Marked as required.
    #[serde(default)]
    pub required: bool,
    /// Shown in the form.
    #[serde(default)]
    pub shown: bool,
    /// The value is picked from the columns of the file.
    #[serde(default)]
    pub column: bool,
    /// The value comes from a date picker.
    #[serde(default)]
    pub date: bool,
}

/// Types of parameters on offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ParameterKind {
    /// A whole number.
    Integer,
    /// A number.
    Float,
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// An object.
    Object,
    /// A list of texts.
    #[serde(rename = "[]string")]
    Strings,
    /// A list of objects.
    #[serde(rename = "[]object")]
    Objects,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Registry {
    tools: Vec<Tool>,
    agents: Vec<AgentDefinition>,
}

static REGISTRY: LazyLock<Registry> =
    LazyLock::new(|| match serde_json::from_str(include_str!("../data/tools.json")) {
        Ok(registry) => registry,
        Err(error) => {
            // Only a build with a damaged data file can come here; the unit tests below refuse such a build.
            tracing::error!(%error, "the embedded tool definitions are unreadable, no tool can be run");
            Registry::default()
        }
    });

/// Every executable tool, in the order of tools.md.
pub fn all() -> &'static [Tool] {
    &REGISTRY.tools
}

/// An executable tool by its id; `None` for catalogue-only and unknown ids.
pub fn find(tool_id: &str) -> Option<&'static Tool> {
    all().iter().find(|tool| tool.id == tool_id)
}

/// Every agent, in the order of tools.md, also the three without a definition.
pub fn agents() -> &'static [AgentDefinition] {
    &REGISTRY.agents
}

/// An agent by its id.
pub fn agent(agent_id: &str) -> Option<&'static AgentDefinition> {
    agents().iter().find(|agent| agent.id == agent_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_holds_what_tools_md_lists() {
        assert_eq!(all().len(), 8);
        assert_eq!(agents().len(), 27);
        assert_eq!(agents().iter().filter(|agent| agent.defined).count(), 24);
        assert_eq!(agents().iter().filter(|agent| agent.chained_output).count(), 11);
        assert_eq!(agents().iter().map(|agent| agent.parameters.len()).sum::<usize>(), 295);
        assert_eq!(agents().iter().filter_map(|agent| agent.seed_cost).sum::<i32>(), 1047);
        let slots: Vec<usize> = all().iter().map(|tool| tool.files.len()).collect();
        assert_eq!(slots, [2, 1, 2, 1, 1, 1, 2, 0]);
    }

    #[test]
    fn every_agent_on_offer_is_defined_in_its_tool_and_the_reverse() {
        for tool in all() {
            let defined: Vec<&str> = agents()
                .iter()
                .filter(|agent| agent.tool == tool.id && agent.defined)
                .map(|agent| agent.id.as_str())
                .collect();
            assert_eq!(defined, tool.available_agents, "{}", tool.id);
            for id in &tool.available_agents {
                assert!(tool.definition(id).and_then(|agent| agent.name.as_ref()).is_some(), "{id}");
            }
        }
    }

    #[test]
    fn limits_and_flags_are_kept() {
        let find = |agent_id: &str, key: &str| {
            let agent = agent(agent_id).unwrap();
            agent.parameters.iter().find(|parameter| parameter.key == key).unwrap().clone()
        };
        let multiplier = find("unified-profiler", "outlier_iqr_multiplier");
        assert_eq!(
            (multiplier.kind, multiplier.min, multiplier.max),
            (ParameterKind::Float, Some(0.5), None)
        );
        assert_eq!(find("drift-detector", "statistical_test").one_of.len(), 3);
        let keys = find("golden-record-builder", "match_key_columns");
        assert_eq!(keys.weights_key.as_deref(), Some("match_key_weights"));
        assert!(keys.required && keys.shown && keys.column && !keys.date);
        assert_eq!(find("control-group-holdout-planner-agent", "segment_10_name").default, "Segment 10");
    }

    #[test]
    fn agents_without_definition_run_in_their_tool_and_are_given_no_files() {
        for (id, tool_id) in [
            ("governance-checker", "profile-my-data"),
            ("lineage-tracer", "master-my-data"),
            ("master-writeback-agent", "master-my-data"),
        ] {
            let tool = find(tool_id).unwrap();
            assert!(tool.dispatches(id) && tool.definition(id).is_none(), "{id}");
            assert!(agent(id).unwrap().required_files.is_empty(), "{id}");
        }
        assert!(!find("clean-my-data").unwrap().dispatches("unified-profiler"));
        assert!(find("synthetic-control").unwrap().dispatches("market-basket-sequence-agent"));
        assert!(find("analyze-my-data").is_none());
    }
}
