//! Clusters around leaders: each row, in order, joins the cluster whose first row (its leader) is most like it, if
//! they are alike enough, and leads a new cluster otherwise (golden-record-builder.md 4.3).
//!
//! The definition compares every row with every leader. Here a row is compared only with leaders that can be alike
//! enough: for a weighted mean of at least the threshold some field must be alike to some degree, so that values
//! alike to that degree, found once per distinct value, lead to all candidates ([`plan`] says which fields and
//! degrees cost least). What is left is given up as soon as its bounds ([`values`]) fall below the best so far. Rows
//! are looked up side by side in batches; a batch's own new leaders are compared in the order of rows. The clusters
//! are those of the definition, to the last bit of each figure, for any number of threads.

mod plan;
mod search;
mod values;

use hashbrown::HashMap;

pub use values::MatchField;

use plan::{Plan, Plans};
use search::{Best, LeaderIndex, Neighbours, Scratches};

/// Rows that are looked up side by side. Within a batch the cost is quadratic.
const BATCH: usize = 256;

/// The clusters, by the order of their leaders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Leaders {
    /// Leader of each cluster: its first row.
    pub leaders: Vec<u32>,
    /// Cluster of each row.
    pub cluster_of: Vec<u32>,
    /// How alike each row is to its leader, 0 to 100; 100 for leaders.
    pub similarities: Vec<f64>,
}

impl Leaders {
    /// Clusters the rows of `fields`, all of one height; `threshold` from 0 to 100.
    pub fn of(fields: &[MatchField], threshold: f64) -> Self {
        let height = fields.first().map_or(0, MatchField::height);
        let plans = Plans::new(fields, threshold);
        let mut found = Self::default();
        let mut index = LeaderIndex::new(fields, threshold);
        let mut neighbours = Neighbours::new(fields);
        let scratches = Scratches::new(fields);
        let mut known_plans: HashMap<Vec<bool>, Plan> = HashMap::new();
        for start in (0..height).step_by(BATCH) {
            let rows = start..height.min(start + BATCH);
            let batch: Vec<_> = rows
                .map(|row| {
                    let empty: Vec<bool> = fields.iter().map(|field| field.value_of(row).is_none()).collect();
                    let plan = known_plans.entry(empty).or_insert_with_key(|empty| plans.cheapest(empty));
                    (row, plan.clone())
                })
                .collect();
            neighbours.prepare(&batch);
            let best = index.look_up(&batch, &neighbours, &scratches);
            let before = index.len();
            scratches.with(|scratch| {
                for ((row, plan), mut best) in batch.iter().zip(best) {
                    if *plan != Plan::Nobody {
                        index.compare_from(before, *row, scratch, &mut best);
                    }
                    found.push(*row, best, &mut index);
                }
            });
            neighbours.release(&batch);
        }
        found
    }

    fn push(&mut self, row: usize, best: Option<Best>, index: &mut LeaderIndex<'_>) {
        let best = best.unwrap_or_else(|| {
            self.leaders.push(u32::try_from(row).unwrap_or(u32::MAX));
            Best { cluster: index.add(row), similarity: 100.0 }
        });
        self.cluster_of.push(best.cluster);
        self.similarities.push(best.similarity);
    }
}

#[cfg(test)]
mod tests;
