//! Other words for the same (field-standardization, section 4).

use hashbrown::HashMap;

use super::normalise::lower;

/// The standard words of synonyms, whatever the case of these is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Synonyms {
    standards: HashMap<String, String>,
}

impl Synonyms {
    /// Of pairs of synonym and standard word. The first of synonyms that differ in case only counts.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut standards = HashMap::new();
        for (synonym, standard) in pairs {
            standards.entry(lower(&synonym).into_owned()).or_insert(standard);
        }
        Self { standards }
    }

    /// The standard word for a text, if it is a synonym.
    pub fn standard(&self, text: &str) -> Option<&str> {
        if self.standards.is_empty() {
            return None;
        }
        self.standards.get(lower(text).as_ref()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_synonyms_counts_and_case_does_not() {
        let pairs = [("USA", "United States"), ("usa", "America"), ("ΣΑΣ", "x")];
        let synonyms =
            Synonyms::new(pairs.map(|(synonym, standard)| (synonym.to_owned(), standard.to_owned())));
        assert_eq!(synonyms.standard("uSa"), Some("United States"));
        assert_eq!(synonyms.standard("σας"), Some("x"));
        assert_eq!(synonyms.standard(" usa"), None);
        assert_eq!(Synonyms::default().standard(""), None);
    }
}
