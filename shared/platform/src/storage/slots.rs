//! Which object is which input of a tool (platform.md 4.3). Names in, choice out; reads nothing.

/// The slot of the data to analyse.
pub const PRIMARY: &str = "primary";
/// The slot of the data to compare with.
pub const BASELINE: &str = "baseline";

/// The object beside the inputs that holds the agents' parameters.
pub(super) const PARAMETERS_NAME: &str = "parameters.json";

/// What the choice depends on besides the names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputRules {
    /// Slots of the tool other than `primary` and `baseline`, such as `schema`: an object of that name is not
    /// data (platform.md Q10).
    pub other_slots: Vec<String>,
    /// Whether the tool runs without any file (the holdout planner).
    pub may_be_empty: bool,
}

/// The winner of each slot, as positions in `names` (relative names in the order of the listing).
pub(super) fn choose(names: &[&str], other_slots: &[String]) -> Vec<(&'static str, usize)> {
    let of_slot = |slot: &'static str| {
        let candidates = names
            .iter()
            .enumerate()
            .filter(move |(_, name)| **name != PARAMETERS_NAME && slot_of(name) == slot)
            .map(|(position, name)| (position, is_side_file(name, other_slots)));
        // The last one wins, data before side files.
        let data = candidates.clone().filter(|(_, side)| !side).map(|(position, _)| position).next_back();
        data.or_else(|| candidates.map(|(position, _)| position).next_back()).map(|position| (slot, position))
    };
    [of_slot(PRIMARY), of_slot(BASELINE)].into_iter().flatten().collect()
}

fn slot_of(name: &str) -> &'static str {
    if name.to_lowercase().contains(BASELINE) { BASELINE } else { PRIMARY }
}

/// Whether the name is that of a schema or contract rather than of data.
fn is_side_file(name: &str, other_slots: &[String]) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let (stem, extension) = base.rsplit_once('.').unwrap_or((&base, ""));
    matches!(extension, "yaml" | "yml") || other_slots.iter().any(|slot| slot.to_lowercase() == stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(names: &[&'a str], other_slots: &[&str]) -> Vec<(&'static str, &'a str)> {
        let other_slots: Vec<String> = other_slots.iter().map(|slot| (*slot).to_owned()).collect();
        choose(names, &other_slots).into_iter().map(|(slot, position)| (slot, names[position])).collect()
    }

    #[test]
    fn the_last_name_of_a_slot_wins() {
        assert_eq!(chosen(&["a.csv", "b.csv"], &[]), [(PRIMARY, "b.csv")]);
        assert_eq!(
            chosen(&["a.csv", "a_Baseline.csv", "sub/BASELINE/x.csv"], &[]),
            [(PRIMARY, "a.csv"), (BASELINE, "sub/BASELINE/x.csv")]
        );
    }

    #[test]
    fn only_the_exact_name_is_the_parameters() {
        assert_eq!(chosen(&["parameters.json"], &[]), []);
        assert_eq!(chosen(&["Parameters.json"], &[]), [(PRIMARY, "Parameters.json")]);
        assert_eq!(chosen(&["sub/parameters.json"], &[]), [(PRIMARY, "sub/parameters.json")]);
    }

    #[test]
    fn a_schema_or_contract_gives_way_to_data() {
        assert_eq!(chosen(&["data.csv", "schema.json"], &["schema"]), [(PRIMARY, "data.csv")]);
        assert_eq!(chosen(&["data.csv", "x/Schema.csv"], &["schema"]), [(PRIMARY, "data.csv")]);
        assert_eq!(chosen(&["data.csv", "z.yaml", "z.YML"], &[]), [(PRIMARY, "data.csv")]);
        assert_eq!(chosen(&["data.csv", "schema.json"], &[]), [(PRIMARY, "schema.json")]);
    }

    #[test]
    fn a_schema_alone_is_the_data() {
        assert_eq!(chosen(&["schema.json"], &["schema"]), [(PRIMARY, "schema.json")]);
        assert_eq!(
            chosen(&["baseline.csv", "schema.json"], &["schema"]),
            [(PRIMARY, "schema.json"), (BASELINE, "baseline.csv")]
        );
    }
}
