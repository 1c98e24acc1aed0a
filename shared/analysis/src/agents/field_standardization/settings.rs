//! What a client asks for (section 2 of the specification), and what it comes to for one column.

use std::borrow::Cow;

use hashbrown::HashSet;
use serde_json::{Map, Value, json};

use crate::agent::AgentError;
use crate::agents::cleaned::Grading;
use crate::cleaning::{Case, DateForm, Synonyms, Unit, single_spaced};
use crate::parameters::Parameters;
use crate::table::{Column, Kind, Table};
use crate::text::Cell;

pub(super) struct Settings {
    targets: Vec<Value>,
    preserved: Vec<Value>,
    pub(super) synonym_mappings: Map<String, Value>,
    unit_mappings: Map<String, Value>,
    /// As it was given.
    pub(super) case_strategy: String,
    case: Case,
    pub(super) trims: bool,
    pub(super) spaces_once: bool,
    applies_synonyms: bool,
    aligns_units: bool,
    /// How dates are written, if they are.
    pub(super) dates: Option<DateForm>,
    pub(super) grading: Grading,
}

impl Settings {
    pub(super) fn new(parameters: &mut Parameters<'_>) -> Result<Self, AgentError> {
        let targets = parameters.lenient_list("target_columns", Vec::new());
        let preserved = parameters.lenient_list("preserve_columns", Vec::new());
        let synonym_mappings = parameters.lenient_object("synonym_mappings");
        let unit_mappings = parameters.lenient_object("unit_mappings");
        let case_strategy = parameters.choice("case_strategy", "lowercase");
        let trims = parameters.truth("trim_whitespace", true);
        let spaces_once = parameters.truth("normalize_internal_spacing", true);
        let applies_synonyms = parameters.truth("apply_synonyms", true);
        let aligns_units = parameters.truth("unit_standardization", false);
        let has_dates = parameters.truth("date_standardization", true);
        let date_form = parameters.choice("target_date_format", "%Y-%m-%d");
        Ok(Self {
            targets,
            preserved,
            synonym_mappings,
            unit_mappings,
            case: Case::named(&case_strategy),
            case_strategy,
            trims,
            spaces_once,
            applies_synonyms,
            aligns_units,
            dates: has_dates.then(|| DateForm::new(&date_form)),
            grading: Grading::new(parameters, "standardization_effectiveness_weight")?,
        })
    }

    /// The columns of text that are processed, in this order; a name that is given twice is processed twice.
    pub(super) fn columns<'t>(&self, table: &'t Table) -> Vec<&'t Column> {
        let is_text = |column: &&Column| column.kind() == Kind::Text;
        if self.targets.is_empty() {
            let preserved: HashSet<&str> = self.preserved.iter().filter_map(Value::as_str).collect();
            let columns = table.columns().iter().filter(|column| !preserved.contains(column.name()));
            return columns.filter(is_text).collect();
        }
        let targets = self.targets.iter().filter_map(|name| table.column(name.as_str()?));
        targets.filter(is_text).collect()
    }

    pub(super) fn operations(&self) -> Value {
        json!({
            "case_normalization": self.case_strategy != "none",
            "whitespace_trimming": self.trims,
            "internal_spacing_normalized": self.spaces_once,
            "synonyms_applied": self.applies_synonyms && !self.synonym_mappings.is_empty(),
            "units_aligned": self.aligns_units && !self.unit_mappings.is_empty(),
            "dates_standardized": self.dates.is_some(),
        })
    }

    /// What is done to the texts of a column.
    pub(super) fn steps(&self, column: &str) -> Steps<'_> {
        let mut invalid = Vec::new();
        let mut mapping = |mappings: &'_ Map<String, Value>, is_on: bool, kind| {
            let mapping = mappings.get(column).filter(|_| is_on)?;
            let entries = mapping.as_object().cloned();
            if entries.is_none() {
                let what = format!("must be an object, got {mapping}");
                invalid.push(Invalid { kind, entry: None, what });
            }
            entries
        };
        let synonyms = mapping(&self.synonym_mappings, self.applies_synonyms, "synonym_mappings");
        let units = mapping(&self.unit_mappings, self.aligns_units, "unit_mappings");
        let pairs = synonyms.unwrap_or_default().into_iter().filter_map(|(synonym, standard)| {
            let text = text_of(&standard);
            if text.is_none() {
                let what = format!("the standard value must be a text, got {standard}");
                invalid.push(Invalid { kind: "synonym_mappings", entry: Some(synonym.clone()), what });
            }
            Some((synonym, text?))
        });
        let synonyms = Synonyms::new(pairs.collect::<Vec<_>>());
        let units = units.unwrap_or_default().into_iter().filter_map(|(name, entry)| {
            let unit = unit_of(&name, &entry);
            unit.map_err(|what| invalid.push(Invalid { kind: "unit_mappings", entry: Some(name), what })).ok()
        });
        let units = units.collect();
        Steps { settings: self, synonyms, units, invalid }
    }
}

/// A single value as text.
fn text_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => text.clone(),
        Value::Bool(flag) => Cell::Boolean(*flag).display().into_owned(),
        Value::Number(number) => match (number.is_f64(), number.as_f64()) {
            (true, Some(float)) => Cell::Float(float).display().into_owned(),
            _ => number.to_string(),
        },
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    })
}

fn unit_of(name: &str, entry: &Value) -> Result<Unit, String> {
    let Some(entry) = entry.as_object() else {
        return Err(format!("must be an object with factor and target_unit, got {entry}"));
    };
    let factor = match entry.get("factor") {
        None | Some(Value::Null) => Some(1.0),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok().filter(|factor: &f64| factor.is_finite()),
        Some(_) => None,
    };
    let factor = factor.ok_or_else(|| format!("factor must be a number, got {}", shown(entry, "factor")))?;
    let target = match entry.get("target_unit") {
        None | Some(Value::Null) => Some(name.to_owned()),
        Some(target) => text_of(target),
    };
    let target =
        target.ok_or_else(|| format!("target_unit must be a text, got {}", shown(entry, "target_unit")))?;
    Unit::new(name, factor, &target).map_err(|error| error.to_string())
}

fn shown(entry: &Map<String, Value>, key: &str) -> String {
    entry.get(key).map(Value::to_string).unwrap_or_default()
}

/// A mapping, or an entry of one, that cannot be used and is skipped.
pub(super) struct Invalid {
    /// The parameter.
    pub(super) kind: &'static str,
    /// The entry's key; `None` for the whole mapping of the column.
    pub(super) entry: Option<String>,
    /// What is wrong with it.
    pub(super) what: String,
}

/// What is done to each text of a column.
pub(super) struct Steps<'s> {
    pub(super) settings: &'s Settings,
    synonyms: Synonyms,
    units: Vec<Unit>,
    pub(super) invalid: Vec<Invalid>,
}

impl Steps<'_> {
    /// A text after steps 1 to 5; dates are a matter of the whole column.
    pub(super) fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let trimmed = if self.settings.trims { text.trim() } else { text };
        let spaced = if self.settings.spaces_once { single_spaced(trimmed) } else { trimmed.into() };
        let mut applied = match spaced {
            Cow::Borrowed(text) => self.settings.case.apply(text),
            Cow::Owned(text) => self.settings.case.apply(&text).into_owned().into(),
        };
        if let Some(standard) = self.synonyms.standard(&applied) {
            applied = standard.to_owned().into();
        }
        if let Some(converted) = self.units.iter().find_map(|unit| unit.convert(&applied)) {
            applied = converted.into();
        }
        applied
    }
}
